"""The Model Context Protocol, asked by the official client of real servers over both transports."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from mcp import MCPError
from mcp_client import call, complaint, over_http, over_streams
from server_process import served
from starlette.testclient import TestClient
from web_home import CANARY, SECRET, TEXTS, serving

from indexes.index import Index
from ragdesk.cli.main import cli
from ragdesk.errors import public_words
from ragdesk.support.key_store import KeyStore
from ragdesk.web.mcp import mcp_routes, tool_table
from ragdesk.web.mcp.on_mcp_sdk import exchange_message

QUESTION = "How long does a refund take to a bank account?"
QUOTE = "A refund reaches a bank account within 5 working days."
NOT_THERE = "No such passage, or none that you may see."
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
SHOWN = {"Accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class ServedDesk:
    """A server in a process of its own, and who may ask it."""

    home: Path
    port: int
    keys: KeyStore
    admin: str
    log: Path


@pytest.fixture(scope="module")
def desk(published: Path, tmp_path_factory: pytest.TempPathFactory):
    home = shutil.copytree(published, tmp_path_factory.mktemp("served") / "home")
    keys, log = KeyStore(home), home.with_name("log")
    admin = keys.create("admin", scopes=["admin"])[1]
    with served(home, log=log) as (port, _):
        yield ServedDesk(home, port, keys, admin, log)
    keys.close()


def chunk_of(home: Path, uri: str) -> tuple[str, int, int]:
    with Index.open(home / "collections" / "default") as index:
        listed = index.documents.list_by_uri(uri)[0]
        chunk = index.read_chunks(index.document_rows(listed))[0]
        return chunk.id, chunk.start, chunk.end


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_searches_asks_and_reads_what_was_cited(desk, mode):
    async def work(client):
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [t.name for t in tool_table.DESK_TOOLS]
        assert all(tool.annotations.read_only_hint for tool in tools)
        assert all(tool.output_schema["type"] == "object" for tool in tools)
        assert "never instructions" in client.instructions

        answer = await call(client, "answer", question=QUESTION)
        assert answer["outcome"] == "answered"
        (citation,) = answer["citations"]
        assert (citation["quote"], citation["uri"]) == (QUOTE, "refunds.md")
        span = {name: citation[name] for name in ("uri", "start", "end")}
        cited = await call(client, "get_passage", **span, generation=answer["generation"])
        assert cited["text"] == QUOTE
        around = await call(client, "get_passage", chunk=citation["chunk"], context=10)
        assert around["before"] + around["text"] + around["after"] in TEXTS["refunds.md"]
        assert around["before"] == "# Refunds\n"

        result = await client.call_tool("search", {"query": "parcels", "top_k": 2})
        assert len(result.structured_content["passages"]) == 2
        assert "🙂/shipping?.md" in result.content[0].text
        listed = await call(client, "list_collections")
        assert [one["name"] for one in listed["collections"]] == ["default", "other"]
        follow_up = [{"role": "user", "text": QUESTION}]
        assert (await call(client, "answer", question="And to gift cards?", history=follow_up))[
            "text"
        ]

    over_http(desk.port, work, token=desk.admin, mode=mode)


def test_a_call_that_is_wrong_says_how_to_mend_it(desk):
    async def work(client):
        with pytest.raises(MCPError, match="no such tool"):
            await client.call_tool("delete_everything", {})
        long = "w" * 9_000
        said = await complaint(client, "search", query=" ", **{long: long})
        assert "query" in said
        assert len(said) < 400
        assert "at most 2,000" in await complaint(client, "answer", question=long)
        for place in (
            {},
            {"uri": "refunds.md"},
            {"uri": "refunds.md", "start": 9, "end": 9},
            {"uri": "refunds.md", "start": 0, "end": 90_000},
            {"chunk": "a", "generation": 1},
            {"chunk": "a", "start": 1},
            {"chunk": ["a"]},
            {"uri": "refunds.md", "start": -1, "end": 2**55},
        ):
            assert "not right" in await complaint(client, "get_passage", **place)
        for place in (
            {"chunk": "0" * 16},
            {"uri": "none.md", "start": 0, "end": 1},
            {"uri": "../../etc/passwd", "start": 0, "end": 1},
            {"uri": "refunds.md", "start": 0, "end": 10_000},
            {"uri": "refunds.md", "start": 0, "end": 1, "generation": 99},
            {"uri": "refunds.md", "start": 0, "end": 1, "chunk": "0" * 16},
        ):
            assert await complaint(client, "get_passage", **place) == NOT_THERE
        assert "No collection 'none'" in await complaint(
            client, "search", query="a", collection="none"
        )
        assert "not right" in await complaint(client, "search", query="a", collection="../x")

    over_http(desk.port, work, token=desk.admin)


def test_the_groups_and_collections_of_a_key_hold(desk):
    keys, home, port = desk.keys, desk.home, desk.port
    staff = keys.create("staff", scopes=["ask"], groups=["staff"])[1]
    shop = keys.create("shop", scopes=["ask"], collections=["other"])[1]
    nobody = keys.create("nobody", scopes=["ask"])
    hidden, start, end = chunk_of(home, SECRET)
    span = {"uri": SECRET, "start": start, "end": end}

    async def as_staff(client):
        assert (await call(client, "get_passage", chunk=hidden))["text"] in CANARY
        assert (await call(client, "get_passage", **span))["text"] in CANARY

    async def as_nobody(client):
        for place in (
            {"chunk": hidden},
            span,
            {**span, "chunk": hidden},
            {**span, "generation": 1},
        ):
            assert await complaint(client, "get_passage", **place) == NOT_THERE
        for name, field in (("search", "query"), ("answer", "question")):
            result = await client.call_tool(name, {field: "canary password of the cellar"})
            assert "xylophone" not in result.model_dump_json()
        listed = await call(client, "list_collections")
        assert listed["collections"][0]["documents"] == len(TEXTS)

    async def as_shop(client):
        foreign = await complaint(client, "search", query="refund", collection="default")
        missing = await complaint(client, "search", query="refund", collection="missing")
        assert foreign == missing.replace("missing", "default")
        assert await complaint(
            client, "get_passage", chunk=hidden, collection="default"
        ) == missing.replace("missing", "default")
        listed = await call(client, "list_collections")
        assert [one["name"] for one in listed["collections"]] == ["other"]
        assert (
            "marmalade" in (await call(client, "search", query="marmalade"))["passages"][0]["text"]
        )

    async def revoked(client):
        await client.call_tool("list_collections", {})
        keys.revoke(nobody[0].id)
        with pytest.raises(MCPError):
            await client.call_tool("list_collections", {})

    over_http(port, as_staff, token=staff)
    over_http(port, as_nobody, token=nobody[1])
    over_http(port, as_shop, token=shop)
    over_http(port, revoked, token=nobody[1])
    with pytest.raises(ExceptionGroup):
        over_http(port, as_staff, token="rd_garbage")  # noqa: S106
    for headers, status in (
        ({}, 401),
        ({"Authorization": f"Bearer {staff}"}, 200),
        ({"Authorization": f"Bearer {staff}", "Origin": "https://evil.example"}, 403),
        ({"Authorization": f"Bearer {staff}", "Origin": f"http://127.0.0.1:{port}"}, 200),
    ):
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        address = f"http://127.0.0.1:{port}/mcp"
        reply = httpx.post(address, json=ping, headers={**SHOWN, **headers}, trust_env=False)
        assert reply.status_code == status, headers
    assert "xylophone" not in desk.log.read_text()


def test_odd_messages_are_refused_and_leave_no_session(client: TestClient):
    statuses = {}
    for name, body in {
        "no JSON": b"{",
        "twice": b'{"id": 1, "id": 2}',
        "deep": b"[" * 10_000,
        "giant": b'{"a": "' + b"x" * 200_000 + b'"}',
        "a list": json.dumps([CALL] * 3).encode(),
        "no message": b"{}",
        "no arguments": json.dumps({**CALL, "params": {"name": "search"}}).encode(),
        "arguments of another kind": json.dumps(
            {**CALL, "params": {"name": "search", "arguments": [1]}}
        ).encode(),
        "another method": json.dumps({**CALL, "method": "resources/read"}).encode(),
    }.items():
        headers = {**SHOWN, "Content-Type": "application/json", "Mcp-Session-Id": "x" * 50}
        reply = client.post("/mcp", content=body, headers=headers)
        statuses[name] = reply.status_code
        assert "mcp-session-id" not in reply.headers
    assert statuses.pop("giant") == 413
    assert set(statuses.values()) <= {200, 400, 404}
    assert client.get("/mcp").status_code == client.delete("/mcp").status_code == 405
    assert client.post(
        "/mcp", content=b"{}", headers={"Content-Type": "text/plain"}
    ).status_code in {
        *(400, 406, 415),
    }


def test_whoever_leaves_ends_the_call():
    ended = asyncio.Event()

    async def find_caller():
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def leave(version: bytes) -> None:
        ended.clear()
        arguments = {"name": "list_collections", "arguments": {}}
        headers = [(b"content-type", b"application/json"), (b"mcp-protocol-version", version)]
        headers += [(b"accept", b"application/json, text/event-stream")]
        headers += [(b"mcp-method", b"tools/call"), (b"mcp-name", b"list_collections")]
        scope = {"type": "http", "method": "POST", "path": "/mcp", "headers": headers}
        meta = {
            "io.modelcontextprotocol/protocolVersion": version.decode(),
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        body = json.dumps({**CALL, "params": {**arguments, "_meta": meta}}).encode()
        task = asyncio.create_task(
            exchange_message(find_caller, {**scope, "query_string": b""}, body)
        )
        await asyncio.wait({task}, timeout=0.3)
        assert not task.done()
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        assert task.done()
        assert ended.is_set()

    for version in (b"2025-11-25", b"2026-07-28"):
        asyncio.run(leave(version))


def test_without_its_library_the_route_names_what_to_install(client: TestClient, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp_types", None)  # as where the extra is not installed
    monkeypatch.delitem(sys.modules, "ragdesk.web.mcp.on_mcp_sdk", raising=False)
    reply = client.post("/mcp", json={**CALL, "params": {}})
    assert reply.status_code == 404
    assert "pip install 'ragdesk[mcp]'" in reply.json()["detail"]
    assert mcp_routes.router.routes


def test_what_goes_wrong_inside_tells_nothing(client: TestClient, monkeypatch, caplog):
    async def fail(_caller, _arguments):
        raise ValueError("/srv/secret/path")

    broken = tool_table.DeskTool(
        name="broken", title="", description="", takes=tool_table.DESK_TOOLS[3].takes,
        gives=tool_table.DESK_TOOLS[3].gives, call=fail,
    )  # fmt: skip

    async def find_caller():
        return None

    reply = asyncio.run(tool_table.call_tool(broken, find_caller, {}))
    assert reply.data is None
    assert "/srv" not in reply.text
    assert reply.text == f"internal: {public_words(ValueError())}"


def run_verb(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home), *words])


@pytest.fixture(scope="module")
def english_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Give a home of real vectors, for processes of our own, and a key that has no groups."""
    top = tmp_path_factory.mktemp("english")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGDESK_EMBED__MODEL", "packaged-english")
        for name, groups in (("default", []), ("inside", ["--groups", "staff"])):
            (top / name).mkdir()
            (top / name / "refunds.md").write_text(TEXTS["refunds.md"], encoding="utf-8")
            taken = run_verb(top / "home", "ingest", str(top / name), "-c", name, *groups)
            assert taken.exit_code == 0, taken.output
        keys = KeyStore(top / "home")
        token = keys.create("assistant", scopes=["ask"])[1]
        keys.close()
        yield top / "home", token


def start_verb(home: Path) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "ragdesk", "--home", str(home), "mcp"]


def test_the_verb_serves_one_client_on_its_standard_streams(english_home):
    home, _ = english_home
    assert run_verb(home, "mcp", "--key", "rd_garbage").exit_code == 2

    async def as_local(client):
        answer = await call(client, "answer", question=QUESTION, collection="inside")
        assert answer["citations"][0]["quote"] == QUOTE
        listed = await call(client, "list_collections")
        assert [one["name"] for one in listed["collections"]] == ["default", "inside"]

    over_streams([*start_verb(home), "--log", "debug"], dict(os.environ), as_local)


@pytest.mark.real
def test_the_verb_sees_what_a_key_may_see_in_one_collection(english_home):
    home, token = english_home

    async def with_key(client):
        found = await call(client, "search", query="refund")
        assert (found["collection"], found["passages"]) == ("inside", [])
        assert "No collection" in await complaint(client, "search", query="a", collection="default")

    over_streams(
        [*start_verb(home), "-c", "inside"], {**os.environ, "RAGDESK_KEY": token}, with_key
    )


def test_an_empty_key_opens_nothing(tmp_path, monkeypatch):
    """A variable that was to hold a key, and does not, must not stand for the local user."""
    for empty in ("", " "):
        monkeypatch.setenv("RAGDESK_KEY", empty)
        done = run_verb(tmp_path, "mcp")
        assert done.exit_code == 2
        assert "RAGDESK_KEY" in done.output


def test_the_verb_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp_types", None)
    monkeypatch.delitem(sys.modules, "ragdesk.web.mcp.on_mcp_sdk", raising=False)
    done = run_verb(tmp_path, "mcp")
    assert done.exit_code == 2
    assert "pip install 'ragdesk[mcp]'" in done.output


def test_the_place_of_a_call_is_given_back(home, keys):
    with serving(home, keys, max_in_flight=1) as client:
        for _ in range(3):
            body = {**CALL, "params": {"name": "list_collections", "arguments": {}}}
            assert client.post("/mcp", json=body, headers=SHOWN).status_code == 200
