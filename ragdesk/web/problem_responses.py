"""The statuses that a route may answer beside its own, as ``/openapi.json`` declares them.

They follow from what a route asks for, so that none is written down by hand and forgotten: a key
can be missing, a body too long, a path lead nowhere. What only its own work can refuse a route
names itself, by ``name_problems``.
"""

import http
from collections.abc import Iterable
from typing import Any, Final

from ragdesk.answering.answer import JsonObject
from ragdesk.web.auth_middleware import SIGN_IN_PATHS
from ragdesk.web.openai_api.openai_errors import OPENAI_PATHS, OPENAI_STATUSES
from ragdesk.web.problems import PROBLEM_MEDIA_TYPE

JSON_MEDIA_TYPE: Final = "application/json"
# The two shapes of a refusal: media type and model.
PROBLEM_FORM: Final = (PROBLEM_MEDIA_TYPE, "ProblemOut")
OPENAI_FORM: Final = (JSON_MEDIA_TYPE, "OpenAiErrorOut")
BODY_STATUSES: Final = (408, 413, 415, 422)
# Of every request: a host, headers or a proxy that are not as they should be; what is broken here.
ALL_STATUSES: Final = (400, 403, 421, 431, 500, 503)
# Of an `Idempotency-Key`: used with another body; or what it stood for is done and not shown.
KEY_HEADER: Final = "Idempotency-Key"
KEY_STATUSES: Final = frozenset({409, 422})
NAMING_FIELDS: Final = frozenset({"collection", "conversation", "answer", "turn", "model"})
PROBLEM_DESCRIPTIONS: Final = {
    400: "The request is not what it says it is.",
    401: "No valid key, session or visitor; the same for every reason.",
    403: "Who asks may not do this, or not from there.",
    404: "No such thing, or none that who asks may see: the two read the same.",
    408: "The body did not arrive in time.",
    409: "It cannot be done in the state that the thing is in.",
    413: "The body is over the limit of its route.",
    415: "The body's media type or encoding is not read here.",
    421: "This server does not answer under that name.",
    422: "Well formed, but not something that this route takes; `errors` names the fields.",
    429: "More than a limit allows. Come again after `Retry-After` seconds.",
    431: "The headers are over the limit.",
    500: "An error in this server; its log says more.",
    502: "Another system that has to be asked did not answer as it should.",
    503: "No room now, or something is broken that its operator can mend.",
    507: "The server's disk is full; nothing was kept.",
}
PROBLEM_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit"),
    503: ("Retry-After",),
}
LIMIT_HEADERS: Final = ("RateLimit", "RateLimit-Policy")
# Where a header is always sent with some status: clients may rely on it.
SURE_HEADERS: Final = {(401, "WWW-Authenticate"), (429, "Retry-After")}
HEADER_DESCRIPTIONS: Final[JsonObject] = {
    "X-Request-Id": "Names the request in the server's log.",
    "Retry-After": "Seconds after which to come again.",
    "RateLimit": 'What is left of the narrowest limit: `"visitor";r=12;t=41`, with `t` seconds to '
    "go. With every answer to visitors of a website, and with the refusal of a limit to all.",
    "RateLimit-Policy": 'The limit itself: `"visitor";q=60;w=60`. For visitors of a website.',
    "WWW-Authenticate": "`Bearer`.",
}


def name_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may refuse with further statuses."""
    return {status: {"description": PROBLEM_DESCRIPTIONS[status]} for status in statuses}


def describe_headers() -> JsonObject:
    """Return the headers of responses, for ``components``."""
    return {
        name: {"description": words, "schema": {"type": "string"}}
        for name, words in HEADER_DESCRIPTIONS.items()
    }


def describe_shared_problems() -> JsonObject:
    """Return what refusals look like, for ``components``: each status in both shapes."""
    return {
        f"{model}{status}": {
            "description": words,
            "headers": _refer_to_headers(
                status, ("X-Request-Id", *PROBLEM_HEADERS.get(status, ()))
            ),
            "content": {media_type: {"schema": {"$ref": f"#/components/schemas/{model}"}}},
        }
        for status, words in PROBLEM_DESCRIPTIONS.items()
        for media_type, model in (PROBLEM_FORM, OPENAI_FORM)
    }


def describe_problems(path: str, operation: JsonObject, schemas: JsonObject) -> None:
    """Write into an operation what it may refuse, and the headers of all its responses.

    schemas: the ``components`` that its body is described by.
    """
    responses = operation["responses"]
    for status in _list_statuses(path, operation, schemas):
        responses.setdefault(str(status), {})
    is_openai = path.startswith(OPENAI_PATHS)
    for own_status, openai_status in OPENAI_STATUSES.items() if is_openai else ():
        responses[str(openai_status)] = responses.pop(str(own_status), {})
    media_type, model = OPENAI_FORM if is_openai else PROBLEM_FORM
    for name, response in responses.items():
        status = int(name)
        own = response.get("content", {})
        if status < http.HTTPStatus.BAD_REQUEST:
            limits = LIMIT_HEADERS if "security" in operation else ()
            headers = _refer_to_headers(status, limits)
            response.setdefault("headers", {}).update(headers)
        elif own and "HTTPValidationError" not in str(own):  # the framework's own is never sent
            own[media_type] = {"schema": {"$ref": f"#/components/schemas/{model}"}}
        else:
            responses[name] = {"$ref": f"#/components/responses/{model}{status}"}
    operation["responses"] = dict(sorted(responses.items()))


def _refer_to_headers(status: int, names: Iterable[str]) -> JsonObject:
    sent = ("X-Request-Id", *names)
    referred: JsonObject = {name: {"$ref": f"#/components/headers/{name}"} for name in sent}
    for name in referred:
        if (status, name) in SURE_HEADERS:
            referred[name] = {**describe_headers()[name], "required": True}
    return referred


def _list_statuses(path: str, operation: JsonObject, schemas: JsonObject) -> set[int]:
    statuses = {*ALL_STATUSES}
    if "security" in operation:
        statuses |= {401, 429}
    if path.startswith(SIGN_IN_PATHS):
        statuses.add(429)
    if any(parameter["name"] == KEY_HEADER for parameter in operation.get("parameters", ())):
        statuses |= KEY_STATUSES
    if _names_things(operation, schemas):
        statuses.add(404)
    if "requestBody" in operation:
        statuses.update(BODY_STATUSES)
        if JSON_MEDIA_TYPE not in operation["requestBody"]["content"]:
            statuses.add(507)
    return statuses


def _names_things(operation: JsonObject, schemas: JsonObject) -> bool:
    """Tell whether a request names something that may not be there, or not for who asks."""
    parameters = operation.get("parameters", [])
    forms = operation.get("requestBody", {}).get("content", {}).values()
    models = [form["schema"].get("$ref", "").rpartition("/")[2] for form in forms]
    names = {parameter["name"] for parameter in parameters}
    names |= {name for model in models for name in schemas.get(model, {}).get("properties", ())}
    return bool(names & NAMING_FIELDS) or any(parameter["in"] == "path" for parameter in parameters)
