"""No request gets a 5xx for its shape (FAULTS, "Requests")."""

import contextlib
import itertools
import json
import random

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from pdf_home import HIDDEN_PAGE, PDF_URI, publish_pdfs, publish_pictures
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from web_home import HOSTILE, serving

from ragdesk.support.access import ROLE_SCOPES
from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.web.openai_api.openai_errors import OPENAI_PATHS
from ragdesk.web.request_middleware import SlotMiddleware

BOUNDED = settings(
    max_examples=12,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
DECLARED = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SHOP = "https://shop.example"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/search"])
def test_hostile_bodies_are_problems(client, path):
    for body in HOSTILE:
        response = client.post(path, content=body, headers=JSON)
        assert response.status_code == (400 if len(body) < 131_072 else 413), body[:40]
        assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"{}", 415),
        ({"Content-Type": ""}, b"{}", 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"question=x", 415),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b\r\n\r\n\r\n" * 10_000, 415),
        ({**JSON, "Content-Encoding": "gzip"}, b"{}", 415),
        ({**JSON, "Content-Length": "9" * 30}, b"{}", 413),
        (JSON, b'{"question":"' + b"x" * 200_000 + b'"}', 413),
        ({**JSON, "Idempotency-Key": ""}, b'{"question":"x"}', 422),
    ],
)
def test_odd_requests_are_problems(client, headers, body, status):
    response = client.post("/v1/answers", content=body, headers=headers)
    assert response.status_code == status
    assert response.json()["status"] == status


def test_a_chunked_body_over_the_limit_is_refused_when_the_limit_is_passed(client):
    response = client.post("/v1/answers", content=iter([b"x" * 50_000] * 5), headers=JSON)
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/answers", 405),
        ("POST", "/", 405),
        ("PATCH", "/v1/collections/default/documents/x", 405),
        ("BREW", "/v1/answers", 405),
        ("GET", "/v1/collections/%00/documents", 404),
        ("GET", "/v1/collections/%2e%2e/documents", 404),
        ("GET", "/v1/collections/DEFAULT/documents", 404),
        ("GET", "/v1/collections/default/documents?limit=0", 422),
        ("GET", "/v1/collections/default/documents?limit=" + "9" * 5_000, 422),
    ],
)
def test_every_refusal_is_a_problem(client, method, path, status):
    response = client.request(method, path)

    assert response.status_code == status
    problem = response.json()
    assert problem["status"] == status
    assert set(problem) >= {"type", "title", "status", "code", "detail"}
    assert response.headers["content-type"] == "application/problem+json"


def test_an_unexpected_error_tells_nothing(client, monkeypatch):
    opened = client.app.state.desk.open_collections._places["default"].shared.collection
    monkeypatch.setattr(type(opened.retrieve), "__call__", lambda *_, **__: {}["secret path"])

    response = client.post("/v1/search", json={"query": "x"})

    assert response.status_code == 500
    assert response.json()["code"] == "internal"
    assert "secret" not in response.text


def test_overload_is_refused_with_retry_after_while_health_answers(home, keys):
    with serving(home, keys, max_in_flight=1) as client:
        places = client.app.middleware_stack
        while not isinstance(places, SlotMiddleware):
            places = places.app
        places = places.places
        places.running += 1
        full = client.post("/v1/search", json={"query": "x"})
        health = client.get("/healthz")
        places.running -= 1

        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        assert health.status_code == 200
        assert client.post("/v1/search", json={"query": "x"}).status_code == 200


def test_mutated_questions_never_break_the_server(client):
    chance = random.Random(7)  # noqa: S311, the same mutants every time
    seed = json.dumps(
        {"question": "Wann? 退款 🙂", "filters": {"uris": ["a"]}, "stream": False},
        ensure_ascii=False,
    ).encode()
    for _ in range(300):
        body = bytearray(seed)
        for _ in range(chance.randint(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        status = client.post("/v1/answers", content=bytes(body), headers=JSON).status_code
        assert status in {200, 400, 404, 415, 422}, bytes(body)


def aim(case: schemathesis.Case, places: dict[str, str | int]) -> None:
    """Point a case at what is there: a request that misses tests nothing but the look-up.

    What would remove the conversation, or follow it for ever, misses it.
    """
    if case.path.endswith("/events") or (
        case.path == "/v1/conversations/{conversation}" and case.method == "DELETE"
    ):
        return
    places = {**places, "number": 1}
    if "/pages" in case.path:
        places |= {"collection": "papers", "uri": PDF_URI}
    if "/pictures" in case.path:
        places |= {"collection": "pictures", "uri": HIDDEN_PAGE}
    for name, there in places.items():
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = there
    if isinstance((case.query or {}).get("generation"), int):
        case.query["generation"] = 1
    if isinstance(case.body, dict):
        case.body.pop("conversation", None)
        if isinstance(case.body.get("collection"), str):
            case.body["collection"] = "default"
        if isinstance(case.body.get("model"), str):
            case.body["model"] = "ragdesk"


# What they bring is itself what lets somebody in, or does not: 401, 403 and 404 are their answers.
WAYS_IN = {"/v1/session", "/v1/visitors", "/v1/oidc/start", "/v1/oidc/callback"}


def show_all_roles(keys):
    """Make what each role shows, a visitor of a website and nobody; the administrator is first."""
    roles = ("admin", "asker", "agent", "editor")
    tokens = [keys.create(role, scopes=ROLE_SCOPES[role])[1] for role in roles]
    site = PublishableKeyStore(keys).create("shop", origins=[SHOP], collections=["default"])
    shown = [{"Authorization": f"Bearer {token}"} for token in (*tokens, site.token)]
    return [*shown, {}]


def test_no_generated_request_gets_a_5xx_or_an_answer_that_is_not_declared(home, keys):
    headers, *others = [{**shown, "Host": "localhost"} for shown in show_all_roles(keys)]
    statuses, calls = [], itertools.count(1)
    publish_pdfs(home)
    publish_pictures(home)

    def check(case: schemathesis.Case) -> None:
        number = next(calls)
        is_other = number % 6 == 0
        case.headers.update(others[number // 6 % len(others)] if is_other else headers)
        if number % 5:
            aim(case, places)
        response = case.call(timeout=120)
        if case.operation.path not in WAYS_IN and not is_other:
            statuses.append(response.status_code)
        case.validate_response(response, checks=DECLARED)
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            is_openai = case.operation.path.startswith(OPENAI_PATHS)
            kind = "application/json" if is_openai else "application/problem+json"
            assert response.headers["content-type"] == [kind]

    with serving(home, keys) as client:
        schema = schemathesis.openapi.from_asgi("/openapi.json", client.app)
        schema.config.generation.with_security_parameters = False  # the key is ours
        operations = [result.ok() for result in schema.get_all_operations()]
        put = "/v1/collections/default/documents/aims.md"
        job = client.put(put, content=b"# Aims", headers=headers).json()["id"]
        talk = client.post("/v1/conversations", json={}, headers=headers).json()["id"]
        fact = {"uri": "lookup:orders/12345", "document": None, "context": {"text": "It is late."}}
        kept = ConversationTurn(
            id="f" * 32, conversation=talk, collection="default", answer={"citations": [fact]}
        )
        client.app.state.desk.conversations.append_turn(kept)
        asked = client.post("/v1/handoffs", json={"conversation": talk}, headers=headers).json()
        places = {"model": "ragdesk", "collection": "default", "uri": "refunds.md"}
        places |= {"job": job, "conversation": talk, "handoff": asked["id"]}
        places |= {"turn": kept.id, "lookup": "orders", "value": "12345"}
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                cases = operation.as_strategy(generation_mode=mode)
                with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with no parameter
                    BOUNDED(given(case=cases)(check))()

    assert len(operations) >= 12
    assert not {401, 403} & set(statuses)
    assert statuses.count(404) < 0.3 * len(statuses)
