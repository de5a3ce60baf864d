"""Restart two replicas behind nginx in turn, under load, and count what is dropped (P15).

    python -m tests.resilience.drain [--rounds 3] [--streams 20] [--handoffs 10] [--write]

Each round: so many answers are being streamed and so many hand-offs followed by their customers,
half of them at each replica; further questions come one after the other. One replica is ended by
SIGTERM, and started anew once it is gone; then the other. While that goes on, an agent replies in
every hand-off. Dropped is a stream without its ``done``, a further question without an answer, a
reply that its customer did not see, and a replica whose exit code is not 0. Without ``--database``
a PostgreSQL server is run for it (Debian's package); nginx is Debian's, too.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parents[1]))

from engines import running
from postgresql_process import new_database, run_postgresql
from proxy_process import run_nginx
from replica_server import Replica, run_replicas
from scripted_writer import passages
from web_home import publish

from ragdesk.support.database import Database
from ragdesk.support.key_store import KeyStore
from tests.lab.results import write_section

QUESTION = "When does a refund reach my bank account?"
SENTENCE = "A refund reaches your bank account within 5 working days."
TEXTS = {"refunds.md": f"# Refunds\n{SENTENCE} Gift cards are not refunded.\n"}
SERVE = {
    "root_path": "/help",
    "trusted_proxies": ["127.0.0.1"],
    "unready_seconds": 5.0,
    "drain_seconds": 30,
}
WRITING_SECONDS = 8.0  # that an answer takes, so that a stop meets it
TITLE = "P15: SIGTERM drains"
PAUSE_SECONDS = 0.05  # between two further questions


@dataclass
class Findings:
    """What one run counted. stops: seconds from each SIGTERM to the exit."""

    counts: Counter[str] = field(default_factory=Counter)
    stops: list[float] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        """All that was lost."""
        return sum(n for name, n in self.counts.items() if name.startswith("dropped"))


def slow_writer() -> Starlette:
    """Make a writer that takes its time between two sentences."""

    async def chat(request: Request) -> StreamingResponse:
        given = passages((await request.json())["messages"][-1]["content"])
        number = next(n for n, text in given.items() if "working days" in text)
        texts = [
            json.dumps({"text": one, "citations": [number]})
            for one in (SENTENCE, "Gift cards are not refunded.")
        ]

        async def write() -> AsyncIterator[str]:
            for words in (f'{{"sentences": [{texts[0]},', "", f" {texts[1]}]}}"):
                if not words:
                    await asyncio.sleep(WRITING_SECONDS)
                choice = {"index": 0, "delta": {"content": words or " "}, "finish_reason": None}
                yield f"data: {json.dumps({'choices': [choice]})}\n\n"
            end = {"index": 0, "delta": {}, "finish_reason": "stop"}
            yield f"data: {json.dumps({'choices': [end]})}\n\ndata: [DONE]\n\n"

        return StreamingResponse(write(), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


async def stream_answer(client: httpx.AsyncClient, findings: Findings) -> None:
    """Ask with a stream; dropped where it ends without its last event."""
    ask = {"question": QUESTION, "stream": True}
    last = ""
    with contextlib.suppress(httpx.HTTPError):
        async with client.stream("POST", "v1/answers", json=ask) as reply:
            async for line in reply.aiter_lines():
                if line.startswith("event: "):
                    last = line.removeprefix("event: ")
    findings.counts["streams whole" if last == "done" else "dropped streams"] += 1


async def follow_talk(
    client: httpx.AsyncClient, talk: str, who: dict[str, str], reply_seen: asyncio.Event
) -> None:
    """Follow a conversation as a page does: come again where a stream ends, behind its last turn."""
    last: str | None = None
    while not reply_seen.is_set():
        headers = who | ({"Last-Event-ID": last} if last is not None else {})
        with contextlib.suppress(httpx.HTTPError):
            async with client.stream(
                "GET", f"v1/conversations/{talk}/events", headers=headers
            ) as reply:
                async for line in reply.aiter_lines():
                    if line.startswith("id: "):
                        last = line.removeprefix("id: ")
                    if line.startswith("data: ") and '"author":"agent"' in line:
                        reply_seen.set()
                        return
        await asyncio.sleep(1.0)


async def search_on(client: httpx.AsyncClient, findings: Findings, ending: asyncio.Event) -> None:
    """Send searches, one after the other, to the end; dropped where one gets no answer."""
    while not ending.is_set():
        try:
            reply = await client.post("v1/search", json={"query": QUESTION})
            kind = "searches" if reply.status_code == 200 else "dropped searches"
        except httpx.HTTPError:
            kind = "dropped searches"
        findings.counts[kind] += 1
        await asyncio.sleep(PAUSE_SECONDS)


async def restart(replica: Replica, findings: Findings) -> None:
    """End a replica by SIGTERM, note what it says meanwhile, and start it anew."""
    assert replica.process is not None
    began = time.monotonic()
    replica.process.terminate()
    async with httpx.AsyncClient(timeout=2) as probe:
        with contextlib.suppress(httpx.HTTPError):
            await asyncio.sleep(1.0)
            ready = await probe.get(f"http://127.0.0.1:{replica.port}/readyz")
            if ready.status_code == 503 and ready.headers.get("connection") == "close":
                findings.counts["stops told first"] += 1
    code = await asyncio.to_thread(replica.process.wait, 60)
    findings.stops.append(time.monotonic() - began)
    findings.counts["exits with 0" if code == 0 else "dropped exits"] += 1
    await asyncio.to_thread(replica.start)


async def run_round(
    address: str, tokens: list[str], replicas: list[Replica], findings: Findings, args: Any
) -> None:
    """Restart both replicas in turn, each under a load of its own."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    async with httpx.AsyncClient(
        base_url=address,
        verify=False,  # noqa: S501, a certificate of ours
        timeout=60,
        limits=limits,
        headers={"Authorization": f"Bearer {tokens[0]}"},
    ) as client:
        customers = [{"Authorization": f"Bearer {token}"} for token in tokens[1:]]
        for replica in replicas:
            ending = asyncio.Event()
            searching = asyncio.create_task(search_on(client, findings, ending))
            talks, cases = [], []
            for who in customers:
                begun = await client.post("v1/conversations", json={}, headers=who)
                talk = {"conversation": begun.json()["id"]}
                opened = await client.post("v1/handoffs", json=talk, headers=who)
                talks.append(talk["conversation"])
                cases.append(opened.json()["id"])
            seen = [asyncio.Event() for _ in talks]
            following = [
                asyncio.create_task(follow_talk(client, talk, who, event))
                for talk, who, event in zip(talks, customers, seen, strict=True)
            ]
            asking = [
                asyncio.create_task(stream_answer(client, findings)) for _ in range(args.streams)
            ]
            await asyncio.sleep(2.0)  # all of them are under way
            stopping = asyncio.create_task(restart(replica, findings))
            for case in cases:  # while one of the two goes
                for action, body in (
                    ("take", {}),
                    ("reply", {"text": "I am here.", "role": "agent"}),
                ):
                    headers = {"Idempotency-Key": f"{case}-{action}"}
                    path = f"v1/handoffs/{case}/{action}"
                    reply = await client.post(path, json=body, headers=headers)
                    kind = "agents' changes" if reply.is_success else "dropped changes"
                    findings.counts[kind] += 1
                await asyncio.sleep(0.5)
            await stopping
            await asyncio.gather(*asking)
            for event, task in zip(seen, following, strict=True):
                try:
                    await asyncio.wait_for(event.wait(), 20)
                    findings.counts["replies seen"] += 1
                except TimeoutError:
                    findings.counts["dropped replies"] += 1
                task.cancel()
            ending.set()
            await searching


def run_drain(args: Any, folder: Path) -> Findings:
    """Run every round; gives what was counted."""
    findings = Findings()
    home = folder / "home"
    publish(home, "default", TEXTS)
    with contextlib.ExitStack() as stack:
        address = args.database or stack.enter_context(
            new_database(stack.enter_context(run_postgresql()))
        )
        with contextlib.closing(Database(home, address)) as database:
            keys = KeyStore(home, database)
            tokens = [keys.create("load", scopes=["admin"])[1]]
            tokens += [keys.create(f"customer {n}")[1] for n in range(args.handoffs)]
        model = stack.enter_context(running(slow_writer()))
        replicas = stack.enter_context(
            run_replicas(home, 2, serve=SERVE, model=model, database=address)
        )
        place = folder / "nginx"
        place.mkdir()
        desk = stack.enter_context(run_nginx(place, [replica.port for replica in replicas]))
        for _ in range(args.rounds):
            asyncio.run(run_round(desk, tokens, replicas, findings, args))
    return findings


def main() -> int:
    """Print what was counted; 1 where anything was dropped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--handoffs", type=int, default=10)
    parser.add_argument("--database", default="")
    parser.add_argument("--write", action="store_true", help="put the section into RESILIENCY.md")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        findings = run_drain(args, Path(folder))
    text = format_findings(findings)
    print(text)
    if args.write:
        command = f"python -m tests.resilience.drain --rounds {args.rounds} --write"
        write_section(TITLE, command, text, file=Path(__file__).with_name("RESILIENCY.md"))
    return 1 if findings.dropped else 0


def format_findings(findings: Findings) -> str:
    """Write what was counted as a table."""
    rows = [f"| {name} | {count:,} |" for name, count in sorted(findings.counts.items())]
    stops = sorted(findings.stops)
    return "\n".join(
        [
            f"{len(stops)} times one of two replicas behind nginx ended by SIGTERM and begun anew,",
            "while answers were written, customers followed their hand-offs, and agents replied.",
            "",
            "| | |",
            "|---|---|",
            *rows,
            f"| seconds from SIGTERM to the exit | {stops[0]:.1f} to {stops[-1]:.1f} |",
            f"| **dropped** | **{findings.dropped}** |",
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
