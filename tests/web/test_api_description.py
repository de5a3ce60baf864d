"""What ``/openapi.json`` says is what is answered, and no answer names a place of the machine."""

import itertools
import json
import re
import time

import jsonschema
import pytest
from event_checks import find_undeclared_events
from route_access import ROUTE_ACCESS
from starlette.routing import Route
from starlette.testclient import TestClient
from web_home import TEXTS, publish, serving

from ragdesk.support.key_store import KeyStore
from ragdesk.web.openai_api.openai_errors import OPENAI_PATHS
from ragdesk.web.request_examples import REQUEST_EXAMPLES

QUESTION = {"question": "How long do refunds take?"}
# Ends with nothing but its server, or takes away what the others ask for.
NOT_WALKED = {
    ("GET", "/v1/conversations/{conversation}/events"),
    ("DELETE", "/v1/collections/{collection}"),
    ("DELETE", "/v1/conversations/{conversation}"),
}
# What is served and not described, by the reason.
NOT_DESCRIBED = {
    "GET /": "a page",
    "GET /admin": "a page",
    "GET /inbox": "a page",
    "GET /docs": "a page",
    "GET /widget": "a page: the widget's frame",
    "GET /widget.js": "a script of other websites",
    "GET /page/{name}": "files of the pages",
    "GET /page/logo": "a picture of the pages",
    "POST /mcp": "the Model Context Protocol, whose clients ask it what there is",
    "GET /openapi.json": "the description itself",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Serve a home in which everything has a name, for the local user."""
    home = tmp_path_factory.mktemp("described") / "tried-home"
    publish(home, "default", TEXTS)
    publish(home, "folders", {"a.md": "# A\nOne."}, source=str(home.parent / "manuals"))
    (home / "collections" / "broken").mkdir()
    keys = KeyStore(home)
    with serving(home, keys) as client:
        yield client
    keys.close()


@pytest.fixture(scope="module")
def description(server):
    return server.get("/openapi.json").json()


def test_the_description_is_encoded_once_and_not_sent_to_who_has_it(server):
    first, again = server.get("/openapi.json"), server.get("/openapi.json")
    assert again.content == first.content
    assert first.headers["content-type"] == "application/json"
    tag = first.headers["etag"]
    for known, status in ((tag, 304), (f'"other", W/{tag}', 304), ('"other"', 200), ("", 200)):
        reply = server.get("/openapi.json", headers={"If-None-Match": known})
        assert (reply.status_code, reply.headers["etag"]) == (status, tag)
        assert (reply.content == b"") == (status == 304)


def list_served(routes):
    """List the routes of an app as it serves them, those of its routers too."""
    for route in routes:
        if isinstance(route, Route):
            yield from (f"{method} {route.path_format}" for method in route.methods - {"HEAD"})
        else:
            yield from list_served(route.original_router.routes)


def test_every_route_that_is_served_is_described_or_says_why_not(server, description):
    described = {f"{method} {path}" for method, path, _ in list_operations(description)}
    served = set(list_served(server.app.routes))
    assert served - described == NOT_DESCRIBED.keys()
    assert described <= served


def list_operations(description):
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def resolve(description, value):
    while "$ref" in value:
        for name in value["$ref"][2:].split("/"):
            value = description if name == "components" and value is not description else value
            value = value[name] if name in value else description["components"][name]
    return value


def check_schema(description, schema, value):
    whole = {**schema, "components": description["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_every_refusal_is_declared_in_the_form_it_has(description):
    for method, path, operation in list_operations(description):
        assert {"400", "403", "421", "431", "500", "503"} <= operation["responses"].keys()
        assert ("401" in operation["responses"]) >= ("security" in operation), path
        assert ("security" in operation) == (not is_open(method, path)), path
        for status, response in operation["responses"].items():
            assert status.isdecimal(), (method, path, status)
            if status < "400":
                continue
            content = resolve(description, response)["content"]
            is_openai = path.startswith(OPENAI_PATHS)
            kind = "application/json" if is_openai else "application/problem+json"
            assert kind in content, (method, path, status)
    assert "HTTPValidationError" not in description["components"]["schemas"]


def is_open(method, path):
    named = {
        re.sub(r":\w+}", "}", known): access
        for (verb, known), access in ROUTE_ACCESS.items()
        if verb == method
    }
    return named[path] == "public"


def test_every_reference_leads_somewhere(description):
    for place in set(re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(description))):
        assert resolve(description, {"$ref": place}), place


def test_every_json_body_has_an_example_that_fits(description):
    shown = set()
    for _, path, operation in list_operations(description):
        form = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if form and "$ref" in form["schema"]:
            assert "example" in form, path
            check_schema(description, form["schema"], form["example"])
            shown.add(form["schema"]["$ref"].rpartition("/")[2])
    assert shown == REQUEST_EXAMPLES.keys()


def test_a_route_remembers_the_keys_that_it_declares(server, description):
    declared = {
        (method, path)
        for method, path, operation in list_operations(description)
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", []))
    }
    assert ("POST", "/v1/answers") in declared
    assert {method for method, _ in declared} == {"POST", "PUT"}
    for method, path in declared:
        refusals = description["paths"][path][method.lower()]["responses"]
        assert refusals.keys() >= {"409", "400" if path.startswith(OPENAI_PATHS) else "422"}, path
    headers = {"Idempotency-Key": "begin-once"}
    first, second = (server.post("/v1/conversations", json={}, headers=headers) for _ in "ab")
    other = server.post("/v1/conversations", json={"title": "b"}, headers=headers)
    long = server.post("/v1/conversations", json={}, headers={"Idempotency-Key": "k" * 129})
    assert first.json() == second.json()
    assert other.status_code == long.status_code == 422


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/answers", {**QUESTION, "stream": True}),
        ("/v1/collections/{collection}/verify", {}),
        (
            "/v1/chat/completions",
            {
                "model": "ragdesk",
                "stream": True,
                "stream_options": {"include_usage": True},
                "messages": [{"role": "user", "content": "How long do refunds take?"}],
            },
        ),
    ],
)
def test_every_event_of_a_stream_is_declared(server, description, path, body):
    reply = server.post(path.format(collection="default"), json=body)
    operation = description["paths"][path]["post"]

    assert reply.headers["content-type"].startswith("text/event-stream")
    assert "data: " in reply.text
    assert find_undeclared_events(description, operation, reply.text) == []
    unknown = reply.text.replace('"', '"x', 1)
    assert find_undeclared_events(description, operation, unknown) != []


def furnish(client: TestClient) -> dict[str, str]:
    """Begin a conversation with an answer, a hand-off, a draft and jobs; gives their names."""
    talk = client.post("/v1/conversations", json={}).json()["id"]
    answer = client.post("/v1/answers", json={**QUESTION, "conversation": talk}).json()["id"]
    handoff = client.post("/v1/handoffs", json={"conversation": talk}).json()["id"]
    entry = {"question": "Invoices?", "answer": "Companies pay by invoice."}
    draft = client.post("/v1/drafts", json=entry).json()["id"]
    jobs = [
        client.put(f"/v1/collections/{collection}/documents/{uri}", content=body).json()["id"]
        for collection, uri, body in (
            ("default", "aims.md", b"# Aims"),
            ("default", "bad.pdf", b"%PDF-1.7 and no more"),
            ("broken", "a.md", b"# A"),
        )
    ]
    until = time.monotonic() + 20
    while any(client.get(f"/v1/jobs/{job}").json()["finished"] is None for job in jobs):
        assert time.monotonic() < until
        time.sleep(0.02)
    names = {"conversation": talk, "turn": answer, "handoff": handoff, "draft": draft}
    return {**names, "job": jobs[1], "uri": "refunds.md", "number": "1", "person": "local"}


def test_no_answer_names_a_place_of_the_machine(server, description):
    place = server.app.state.desk.workspace.home.parent.name
    names, shown, statuses = furnish(server), {}, set()
    operations = [
        (method, path, operation)
        for method, path, operation in list_operations(description)
        if (method, path) not in NOT_WALKED
    ]
    operations.sort(key=lambda entry: entry[0] == "DELETE")
    for (method, path, operation), collection in itertools.product(
        operations, ("default", "folders", "broken")
    ):
        if collection != "default" and "{collection}" not in path:
            continue
        known = {**names, "collection": collection}
        address = re.sub(r"\{(\w+)\}", lambda m, known=known: known.get(m[1], "none"), path)
        form = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        reply = server.request(method, address, json=form.get("example"))
        statuses.add(reply.status_code)
        shown[method, address] = reply.text + str(reply.headers)
        assert str(reply.status_code) in operation["responses"], (method, address, reply.text)
    assert {key for key, text in shown.items() if place in text} == set()
    assert {200, 201, 202, 204, 404, 409, 422} <= statuses
