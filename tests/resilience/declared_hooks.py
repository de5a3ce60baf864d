"""What schemathesis does beside its own, for ``declared_answers``: it aims, and looks further.

RAGDESK_PLACES holds names of things that are there, as JSON: a request that misses tests the
look-up alone. One request of five is left as it was made.
"""

import json
import os

import schemathesis

PLACES = json.loads(os.environ["RAGDESK_PLACES"])
HOME = os.environ["RAGDESK_TRIED_HOME"]
aimed = [0]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Point a request at what is there. A stream without an end is missed."""
    aimed[0] += 1
    if case.path_parameters and case.path.endswith("/events"):
        case.path_parameters["conversation"] = "none"
        return
    if aimed[0] % 5 == 0:
        return
    for name in case.path_parameters or {}:
        if name in PLACES and (case.method, case.path) not in DESTRUCTIVE:
            case.path_parameters[name] = PLACES[name]
    if isinstance(case.body, dict):
        for name, place in PLACES["body"].items():
            if name in case.body and (name, case.path) not in KEPT:
                case.body[name] = place


DESTRUCTIVE = {
    ("DELETE", "/v1/conversations/{conversation}"),
    ("DELETE", "/v1/persons/{person}/data"),
}
KEPT = {("conversation", "/v1/answers"), ("answer", "/v1/collections/{collection}/retrieval")}


@schemathesis.check
def tells_no_path_of_the_machine(ctx, response, case):
    """Look for the home of the server in what it answers."""
    assert HOME.encode() not in response.content, (
        f"The home's path is told: {case.method} {case.path}"
    )
