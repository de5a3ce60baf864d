"""Behind nginx and Caddy for real, at a sub-path: pages, streams, uploads, clients that leave."""

import asyncio
import contextlib
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from chromium import CHROMIUM
from engines import hesitating, running
from playwright.sync_api import Page, expect, sync_playwright
from proxy_process import CADDY, NGINX, run_caddy, run_nginx
from replica_server import Replica, run_replicas
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from web_home import publish

from ragdesk.support.key_store import KeyStore

pytestmark = pytest.mark.real
QUESTION = "When does a refund reach my bank account?"
TEXTS = {
    "refunds.md": "# Refunds\nA refund reaches your bank account within 5 working days. "
    "Gift cards are not refunded.\n"
}
SERVE = {"root_path": "/help", "trusted_proxies": ["127.0.0.1"]}
IDLE_STREAMS = 100
STREAMS_OF_KEY = 8
RunProxy = Callable[[Path, list[int]], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("proxied")
    publish(home, "default", TEXTS)
    return home


@pytest.fixture(scope="module")
def token(home: Path) -> str:
    with contextlib.closing(KeyStore(home)) as keys:
        return keys.create("Mia", scopes=["admin"])[1]


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest) -> RunProxy:
    program, run = {"nginx": (NGINX, run_nginx), "caddy": (CADDY, run_caddy)}[request.param]
    if not Path(program).exists():
        pytest.skip(f"no {request.param}: make test-deps")
    return run


@contextlib.contextmanager
def desk(
    home: Path, proxy: RunProxy, folder: Path, token: str, **options: Any
) -> Iterator[tuple[httpx.Client, Replica]]:
    """Run a server behind a proxy; gives a client with a key, and the server."""
    with (
        run_replicas(home, serve=SERVE, **options) as (replica,),
        proxy(folder, [replica.port]) as address,
        httpx.Client(
            base_url=address,
            verify=False,  # noqa: S501, a certificate of ours
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        ) as client,
    ):
        yield client, replica


def read_events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_words_arrive_while_the_model_still_writes(home, token, proxy, tmp_path):
    go = threading.Event()
    with (
        running(hesitating(go)) as model,
        desk(home, proxy, tmp_path, token, model=model) as (client, _),
        client.stream("POST", "/v1/answers", json={"question": QUESTION, "stream": True}) as reply,
    ):
        seen = []
        for name, data in read_events(reply.iter_lines()):
            seen.append(name)
            if name == "delta" and not go.is_set():
                assert "5 working days" in data["text"]
                go.set()  # only now may the model write its second sentence
    assert seen[0] == "found"
    assert seen[-1] == "done"
    assert seen.count("delta") == 2


def endless(begun: threading.Event, stopped: threading.Event) -> Starlette:
    """Make a writer that never ends its answer, and tells when its client is gone."""

    async def chat(_request: Request) -> StreamingResponse:
        async def write() -> AsyncIterator[str]:
            said = '{"sentences": [{"text": "Gift cards are not refunded.", "citations": [1]},'
            choice = {"index": 0, "delta": {"content": said}, "finish_reason": None}
            try:
                yield f"data: {json.dumps({'choices': [choice]})}\n\n"
                begun.set()
                await asyncio.sleep(3_600)
            finally:
                stopped.set()

        return StreamingResponse(write(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


def test_a_client_that_leaves_ends_the_models_writing(home, token, proxy, tmp_path):
    begun, stopped = threading.Event(), threading.Event()
    with (
        running(endless(begun, stopped)) as model,
        desk(home, proxy, tmp_path, token, model=model) as (client, _),
    ):
        with client.stream(
            "POST", "/v1/answers", json={"question": QUESTION, "stream": True}
        ) as reply:
            events = read_events(reply.iter_lines())
            assert next(events)[0] == "found"
            assert begun.wait(20)
            assert not stopped.is_set()
        assert stopped.wait(30)  # sooner than the desk gives a silent model up


def count_closed_connections(port: int) -> int:
    """Count the connections of a server that were closed of late: by the kernel."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    time_wait = "06"
    return sum(row[3] == time_wait and f":{port:04X}" in (row[1][8:], row[2][8:]) for row in rows)


def wait_for_job(client: httpx.Client, job: str) -> None:
    until = time.monotonic() + 60
    while client.get(job).json()["state"] != "done":
        assert time.monotonic() < until
        time.sleep(0.1)


def test_paths_uploads_and_kept_connections(home, token, proxy, tmp_path):
    with desk(home, proxy, tmp_path, token) as (client, replica):
        moved = client.get(str(client.base_url).rstrip("/"), follow_redirects=False)
        assert moved.status_code == 308
        assert moved.headers["location"].endswith("/help/")
        before = count_closed_connections(replica.port)
        for path in ("/", "/admin", "/inbox", "/page/app.js", "/v1/collections", "/openapi.json"):
            assert client.get(path).status_code == 200
        for _ in range(30):
            assert client.get("/v1/collections").status_code == 200
        assert count_closed_connections(replica.port) - before < 10

        text = "# Long\n" + "A sentence about nothing at all. \n" * 70_000  # 2.3 MB
        path = "/v1/collections/default/documents"
        put = client.put(f"{path}/long.md", content=text.encode())
        assert put.status_code == 202
        assert put.headers["location"].startswith("/help/v1/jobs/")
        job = f"/v1/jobs/{put.json()['id']}"
        wait_for_job(client, job)
        for _ in range(4):
            assert client.put(f"{path}/huge.md", content=b"x" * 35_000_000).status_code == 413
        signed = client.post("/v1/session", json={"key": token}, headers={"Authorization": ""})
        assert "Path=/help;" in signed.headers["set-cookie"]
        is_secure = "Secure" in signed.headers["set-cookie"]
        assert is_secure is (client.base_url.scheme == "https")


def test_a_hundred_streams_wait_while_questions_are_answered(home, token, proxy, tmp_path):
    with contextlib.closing(KeyStore(home)) as keys:
        count = -(-IDLE_STREAMS // STREAMS_OF_KEY)
        tokens = [keys.create(f"idle-{n}")[1] for n in range(count)]
    with desk(home, proxy, tmp_path, token) as (client, _):
        asyncio.run(_follow_and_ask(str(client.base_url), tokens, token))


async def _follow_and_ask(address: str, tokens: list[str], token: str) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=address,
        verify=False,  # noqa: S501, a certificate of ours
        timeout=30,
        limits=limits,
    ) as client:
        heard: dict[int, asyncio.Event] = {}

        async def follow(number: int, key: str, talk: str) -> None:
            headers = {"Authorization": f"Bearer {key}"}
            path = f"v1/conversations/{talk}/events"
            async with client.stream("GET", path, headers=headers) as reply:
                assert reply.status_code == 200
                async for line in reply.aiter_lines():
                    if line == "event: state":
                        heard[number].set()
                    if line == "event: turn":
                        return

        tasks, talks = [], []
        for key in tokens:
            headers = {"Authorization": f"Bearer {key}"}
            made = await client.post("v1/conversations", json={}, headers=headers)
            talks.append(made.json()["id"])
        for number in range(IDLE_STREAMS):
            heard[number] = asyncio.Event()
            at = number // STREAMS_OF_KEY
            tasks.append(asyncio.create_task(follow(number, tokens[at], talks[at])))
        async with asyncio.timeout(60):
            await asyncio.gather(*(event.wait() for event in heard.values()))
        for key, talk in zip(tokens, talks, strict=True):
            ask = {"question": QUESTION, "conversation": talk}
            headers = {"Authorization": f"Bearer {key}"}
            answer = await client.post("v1/answers", json=ask, headers=headers)
            assert answer.json()["outcome"] == "answered"
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)


def sign_in(page: Page, token: str) -> None:
    page.locator("#key-value").fill(token)
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_hidden()


def test_the_pages_work_below_the_sub_path(home, token, proxy, tmp_path):
    with desk(home, proxy, tmp_path, token) as (client, _), sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(ignore_https_errors=True, locale="en-US")
        page, wrong, foreign = context.new_page(), [], []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.on(
            "request",
            lambda asked: "/help/" in asked.url or foreign.append(asked.url),
        )
        page.goto(f"{client.base_url}admin")
        sign_in(page, token)
        expect(page.get_by_text("refunds.md").first).to_be_visible()
        page.screenshot(path=tmp_path / "admin.png")
        page.locator("a.brand").click()  # the same session
        expect(page.get_by_text(re.compile(r"^\d documents?$"))).to_be_visible(timeout=30_000)
        page.locator("#question").fill(QUESTION)
        page.keyboard.press("Enter")
        expect(page.locator(".reply:not([aria-busy])")).to_contain_text(
            "5 working days", timeout=30_000
        )
        page.reload()
        expect(page.locator(".reply")).to_contain_text("5 working days", timeout=30_000)
        page.screenshot(path=tmp_path / "chat.png")
        page.goto(f"{client.base_url}inbox")
        expect(page.locator("#key")).to_be_hidden()
        page.wait_for_timeout(500)
        page.screenshot(path=tmp_path / "inbox.png")
        browser.close()
        assert foreign == []
        assert [line for line in wrong if "401" not in line] == []
