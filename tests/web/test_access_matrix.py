"""Every route with every kind of key, session and token: only what is due.

The routes are those that the app has: one that stands in no line of ``tests/route_access.py``, or
asks for another scope than that line says, fails here.
"""

import asyncio
import inspect
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from route_access import ROUTE_ACCESS
from starlette.testclient import TestClient
from web_home import serving

from ragdesk.support.access import ROLE_SCOPES, SCOPES
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.support.sign_in.sign_in_options import SignInOptions
from ragdesk.support.sign_in.sign_in_tables import SESSIONS
from ragdesk.web.api import ROUTERS
from ragdesk.web.auth import SAME_MOMENT
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.openai_api.openai_errors import OPENAI_PATHS

SHOP, SHARED = "https://shop.example", "k" * 64  # long enough for every algorithm
TOKENS = SignInOptions(token_algorithm="HS256", token_key=SHARED, token_audience="desk")  # noqa: S106
PLACES = {"collection": "default", "uri": "none.md", "name": "none.js", "number": "1"}
UNBOUND = LimitOptions(visitor_per_minute=0, network_per_minute=0)  # thousands of calls are made
SAFE = {"GET", "HEAD"}
# Those who may are not to do it here: it would end their session, or a stream would not end.
NOT_CALLED = {("DELETE", "/v1/session")}


@dataclass(frozen=True)
class Caller:
    """Who calls: what they show, and the access that they have; None is a 401 everywhere."""

    headers: dict[str, str]
    granted: frozenset[str] | None = frozenset()
    is_forger: bool = False  # a session that a page of another site uses: no change
    is_foreign: bool = False  # known, and from a page that it is not for
    collections: frozenset[str] = field(default_factory=frozenset)

    def expects(self, method: str, access: str) -> Callable[[int], bool]:
        """Return what a status has to be."""
        if access == "public":
            return lambda status: status < 500
        if self.granted is None:
            return lambda status: status == 401
        if self.is_foreign or (self.is_forger and method not in SAFE):
            return lambda status: status == 403
        if access == "known" or access in self.granted:
            return lambda status: status not in {401, 403} and status < 500
        return lambda status: status == 403


def bearer(token: str, **more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Authorization": f"Bearer {token}", **named}


def make_token(**changes: object) -> str:
    claims = {"aud": "desk", "sub": "mia", "exp": int(time.time()) + 600, **changes}
    algorithm = str(claims.pop("alg", "HS256"))
    return jwt.encode(claims, "" if algorithm == "none" else SHARED, algorithm)


@pytest.fixture(scope="module")
def server(published, tmp_path_factory) -> Iterator[tuple[TestClient, KeyStore]]:
    """Serve an empty home: who may call what depends on no document."""
    keys = KeyStore(tmp_path_factory.mktemp("matrix"))
    keys.create("closes the desk")
    tables = {"sign_in": TOKENS, "limits": UNBOUND}
    with serving(keys.database.home, keys, tables=tables, poll_seconds=60) as client:
        client.follow_redirects = False
        yield client, keys
    keys.close()


def sign_in(client: TestClient, token: str) -> tuple[dict[str, str], str]:
    opened = client.post("/v1/session", json={"key": token})
    cookie = {"Cookie": f"rd_session={client.cookies['rd_session']}"}
    client.cookies.clear()
    return cookie, opened.json()["csrf_token"]


def make_callers(client: TestClient, keys: KeyStore) -> dict[str, Caller]:
    """Make everybody who could call, and what each may do."""
    return {**make_keys(keys), **make_sessions(client, keys), **make_visitors(client, keys)}


def make_keys(keys: KeyStore) -> dict[str, Caller]:
    revoked, gone = keys.create("revoked", scopes=["admin"])
    keys.revoke(revoked.id)
    expired = keys.create("expired", scopes=["admin"], days=0)[1]
    valid = keys.create("valid", scopes=["admin"])[1]
    callers = {
        "nobody": Caller({}, None),
        "garbage": Caller(bearer("rd_garbage"), None),
        "basic": Caller({"Authorization": f"Basic {valid}"}, None),
        "bare": Caller({"Authorization": valid}, None),
        "two keys": Caller({"Authorization": f"Bearer {gone} {valid}"}, None),
        "revoked key": Caller(bearer(gone), None),
        "expired key": Caller(bearer(expired), None),
        "garbage beside a page of ours": Caller(
            bearer("rd_x", Sec_Fetch_Site="same-origin", X_CSRF_Token="0" * 64), None
        ),
    }
    for scope in SCOPES:
        granted = frozenset(SCOPES) if scope == "admin" else frozenset({scope})
        callers[f"key of {scope}"] = Caller(bearer(keys.create(scope, scopes=[scope])[1]), granted)
    for role, scopes in ROLE_SCOPES.items():
        callers[f"key of the role {role}"] = Caller(
            bearer(keys.create(role, scopes=scopes)[1]), scopes
        )
    return callers


def make_sessions(client: TestClient, keys: KeyStore) -> dict[str, Caller]:
    callers = {}
    for role, scopes in ROLE_SCOPES.items():
        cookie, csrf = sign_in(client, keys.create(role, scopes=scopes)[1])
        ours = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": csrf}
        callers[f"session of {role}"] = Caller({**cookie, **ours}, scopes)
    admin = frozenset(SCOPES)
    cross = {**ours, "Sec-Fetch-Site": "cross-site"}
    wrong = {**ours, "X-CSRF-Token": "0" * 64}
    elsewhere = {"X-CSRF-Token": csrf, "Origin": "https://evil.example"}
    callers |= {
        "session without a token": Caller(cookie, admin, is_forger=True),
        "session with a wrong token": Caller({**cookie, **wrong}, admin, is_forger=True),
        "session from another site": Caller({**cookie, **cross}, admin, is_forger=True),
        "session from another origin": Caller({**cookie, **elsewhere}, admin, is_forger=True),
        "garbage in the cookie": Caller({"Cookie": "rd_session=rds_x", **ours}, None),
        "session beside a garbage key": Caller({**cookie, **ours, **bearer("rd_x")}, None),
    }
    key, token = keys.create("revoked in the middle", scopes=["admin"])
    cookie, csrf = sign_in(client, token)
    assert client.get("/metrics", headers=cookie).status_code == 200
    keys.revoke(key.id)
    callers["session of a revoked key"] = Caller({**cookie, **ours, "X-CSRF-Token": csrf}, None)
    cookie, csrf = sign_in(client, keys.create("idle", scopes=["admin"])[1])
    value = cookie["Cookie"].removeprefix("rd_session=")
    session = client.app.state.gate.identities.sessions.find(value)
    with keys.database.write() as connection:
        idle = SESSIONS.update().where(SESSIONS.c.id == session.id)
        connection.execute(idle.values(used=session.used - 50_000))
    callers["session that was idle"] = Caller({**cookie, **ours, "X-CSRF-Token": csrf}, None)
    return callers


def make_visitors(client: TestClient, keys: KeyStore) -> dict[str, Caller]:
    sites = PublishableKeyStore(keys)
    site, other, gone = (
        sites.create(name, origins=[SHOP], collections=["default"]) for name in ("a", "b", "c")
    )
    sites.revoke(gone.id)
    expired = sites.create("d", origins=[SHOP], collections=["default"], days=0)
    headers = bearer(site.token, Origin=SHOP)
    secret = client.post("/v1/visitors", headers=headers).json()["secret"]
    ask, nothing = frozenset({"ask", "site"}), frozenset({"site"})
    now = int(time.time())

    def visit(shown: str, token: str = site.token, origin: str = SHOP) -> dict[str, str]:
        return bearer(token, Origin=origin, X_Visitor=shown)

    return {
        "publishable key alone": Caller(headers, nothing),
        "publishable key from elsewhere": Caller(
            bearer(site.token, Origin="https://evil.example"), nothing, is_foreign=True
        ),
        "visitor": Caller(visit(secret), ask),
        "visitor from elsewhere": Caller(
            visit(secret, origin="https://evil.example"), ask, is_foreign=True
        ),
        "visitor of another website": Caller(visit(secret, other.token), None),
        "visitor of a revoked key": Caller(visit(secret, gone.token), None),
        "visitor of an expired key": Caller(visit(secret, expired.token), None),
        "visitor of no key": Caller({"X-Visitor": secret}, None),
        "garbage secret": Caller(visit("rdv_x"), None),
        "empty secret": Caller(visit(""), None),
        "token": Caller(visit(make_token()), ask),
        "expired token": Caller(visit(make_token(exp=now - 60)), None),
        "token for too long": Caller(visit(make_token(exp=now + 8_000)), None),
        "token for another": Caller(visit(make_token(aud="another")), None),
        "token of another algorithm": Caller(visit(make_token(alg="HS512")), None),
        "token without one": Caller(visit(make_token(alg="none")), None),
        "token in place of a key": Caller(bearer(make_token()), None),
    }


def list_routes(client: TestClient) -> dict[tuple[str, str], APIRoute | None]:
    """List every route of the app by method and path; None for those that are not ours."""
    known: dict[tuple[str, str], APIRoute | None] = {}
    for route in client.app.routes:
        for method in (getattr(route, "methods", None) or ()) if hasattr(route, "path") else ():
            known[method, route.path] = route if isinstance(route, APIRoute) else None
    for router in ROUTERS:
        known |= {(m, r.path): r for r in router.routes for m in r.methods}
    return {key: route for key, route in known.items() if key[0] != "HEAD"}


def iter_checks(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """Yield what a route depends on, and what that depends on."""
    for dependency in dependant.dependencies:
        if dependency.call is not None:
            yield dependency.call
        yield from iter_checks(dependency)


def declared_access(route: APIRoute) -> str:
    """Return what a route declares by its dependencies: a scope, known, or public."""
    checks = list(iter_checks(route.dependant))
    names = {getattr(check, "__qualname__", "") for check in checks}
    for check in checks:
        if getattr(check, "__qualname__", "") == "require_scope.<locals>.check":
            return str(inspect.getclosurevars(check).nonlocals["scope"])
    return "known" if "require_identity" in names else "public"


def test_every_route_declares_what_the_table_says(server):
    client, _ = server
    routes = list_routes(client)
    documented = {
        (method.upper(), path)
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method in methods
    }

    assert routes.keys() == ROUTE_ACCESS.keys()
    assert documented <= {(method, re.sub(r":\w+}", "}", path)) for method, path in routes}
    for key, route in routes.items():
        declared = "public" if route is None else declared_access(route)
        expected = ROUTE_ACCESS[key]
        assert declared == ("known" if expected == "site" else expected), key


async def call(
    client: TestClient,
    method: str,
    path: str,
    headers: dict[str, str],
    meanwhile: Callable[[], object] | None = None,
) -> tuple[int, bytes]:
    """Call the app without a connection, as there are thousands of calls; gives status and body.

    meanwhile: what happens while the body of the request is on its way.
    """
    address = re.sub(r"\{(\w+)(?::\w+)?\}", lambda m: PLACES.get(m[1], "none"), path)
    body = b"{}" if method in {"POST", "PATCH"} else b""
    shown = {"Host": "localhost:8080", "Content-Type": "application/json", **headers}
    shown["Content-Length"] = str(len(body))
    status, chunks = 0, []
    waiting = [{"type": "http.request", "body": body}, {"type": "http.disconnect"}]

    async def receive():
        if meanwhile is not None and len(waiting) > 1:
            meanwhile()
            await asyncio.sleep(2 * SAME_MOMENT)
        return waiting.pop(0)

    async def send(message):
        nonlocal status
        status = message.get("status", status)
        chunks.append(message.get("body", b""))

    client.app.state.gate.pace._due = 0.0  # those without a key are many here
    scope = {
        "type": "http",
        "method": method,
        "path": address,
        "raw_path": address.encode(),
        "query_string": b"confirm=default" if method == "DELETE" else b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in shown.items()],
        "client": ("127.0.0.1", 1),
        "state": {},
        "app": client.app,
    }
    await client.app(scope, receive, send)
    return status, b"".join(chunks)


def test_everybody_may_do_what_is_due_and_nothing_else(server):
    client, keys = server
    callers = make_callers(client, keys)
    wrong, bodies = [], {False: set(), True: set()}  # by whether the path is of OpenAI's shape

    async def call_everything() -> None:
        for (name, caller), (key, access) in itertools.product(
            callers.items(), ROUTE_ACCESS.items()
        ):
            if key in NOT_CALLED and caller.granted is not None:
                continue
            status, body = await call(client, *key, caller.headers)
            if not caller.expects(key[0], access)(status):
                wrong.append((name, *key, access, status))
            if caller.granted is None and access != "public":
                bodies[key[1].startswith(OPENAI_PATHS)].add(body)

    client.portal.call(call_everything)
    assert wrong == []
    assert [len(of_shape) for of_shape in bodies.values()] == [
        1,
        1,
    ]  # missing, garbage, expired and revoked read the same
    assert len(callers) >= 45


def test_a_key_or_session_that_is_revoked_while_the_body_comes_opens_nothing(server):
    client, keys = server
    for shows_session in (False, True):
        key, token = keys.create("in the middle")
        headers = bearer(token)
        if shows_session:
            cookie, csrf = sign_in(client, token)
            headers = {**cookie, "X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin"}
        search = (client, "POST", "/v1/search", headers)
        assert client.portal.call(call, *search)[0] == 422
        assert client.portal.call(call, *search, lambda key=key: keys.revoke(key.id))[0] == 401


def test_another_collection_than_theirs_is_as_if_there_were_none(server):
    client, keys = server
    token = keys.create("of another", scopes=["admin"], collections=["other"])[1]
    for method, path in ROUTE_ACCESS:
        if "{collection}" in path:
            status, body = client.portal.call(call, client, method, path, bearer(token))
            assert (status, json.loads(body)["code"]) == (404, "not_found"), (method, path)


def test_a_limited_administrator_does_not_read_the_audit_log_of_all(server):
    client, keys = server
    limited = keys.create("limited", scopes=["admin"], collections=["default"])[1]
    full = keys.create("full", scopes=["admin"])[1]
    assert client.get("/v1/audit", headers=bearer(limited)).status_code == 403
    for _ in range(3):
        sign_in(client, full)

    first = client.get("/v1/audit?limit=2&action=session.create", headers=bearer(full)).json()
    query = {"limit": 2, "action": "session.create", "cursor": first["next"]}
    second = client.get("/v1/audit", params=query, headers=bearer(full)).json()
    assert {entry["action"] for entry in first["entries"]} == {"session.create"}
    assert first["entries"][-1]["id"] > second["entries"][0]["id"]
    foreign = {**query, "action": "session.end"}
    assert client.get("/v1/audit", params=foreign, headers=bearer(full)).status_code == 400
    assert client.get("/v1/audit?action=unknown", headers=bearer(full)).status_code == 422
