"""P12, continued: honest clients get their answers while hostile ones try to stop the desk.

    python -m tests.resilience.hostile_clients
    python -m tests.resilience.hostile_clients --tree ../ragdesk-0.1.0 --pairs 1 --only half_sent

Runs ``ragdesk serve`` with one key and 1,024 handles. Honest clients ask in a closed loop; windows
with and without an attack take turns, so that a busy machine harms both alike. At the end SIGTERM
comes while hostile clients and one honest stream are attached. --tree: the checkout to measure.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.lab.results import write_section

ROOT = Path(__file__).parents[2]
HANDLES = 1_024
CLIENTS = 4  # honest ones
PAUSE = 0.05  # seconds that each thinks between two questions
ASK = json.dumps({"question": "When does a refund reach my account?"}).encode()
HEAD = "POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PAGE = b"GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
TEXTS = {
    "refunds.md": "# Refunds\n\nA refund reaches a bank account within 5 working days.\n",
    "shipping.md": "# Shipping\n\nParcels leave our warehouse within 24 hours.\n",
}
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def half_sent(reader: Reader, writer: Writer, _token: str) -> None:
    """Begin a body, and never go on."""
    writer.write(f"{HEAD}Content-Length: 99\r\n\r\n{{".encode())
    await reader.read()


async def half_sent_with_key(reader: Reader, writer: Writer, token: str) -> None:
    """Begin a body with a key that is valid, and never go on."""
    head = f"{HEAD}Authorization: Bearer {token}\r\nContent-Length: 99\r\n\r\n{{"
    writer.write(head.encode())
    await reader.read()


async def never_read(_reader: Reader, writer: Writer, _token: str) -> None:
    """Ask 2,000 times in one go, and read nothing."""
    writer.write(PAGE * 2_000)
    await asyncio.sleep(60)


async def idle(reader: Reader, _writer: Writer, _token: str) -> None:
    """Connect, and say nothing."""
    await reader.read()


async def header_letters(_reader: Reader, writer: Writer, _token: str) -> None:
    """Send a header letter by letter."""
    for letter in HEAD * 10:
        writer.write(letter.encode())
        await writer.drain()
        await asyncio.sleep(0.5)


async def body_drip(_reader: Reader, writer: Writer, token: str) -> None:
    """Send a body letter by letter, with a key."""
    writer.write(f"{HEAD}Authorization: Bearer {token}\r\nContent-Length: 9000\r\n\r\n".encode())
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.5)


async def short(reader: Reader, writer: Writer, _token: str) -> None:
    """Ask for the page once, and leave: some 1,000 connections a second."""
    writer.write(PAGE)
    await reader.read(64)
    await asyncio.sleep(0.03)


async def wrong_keys(reader: Reader, writer: Writer, _token: str) -> None:
    """Try keys, one after the other."""
    body = f"{HEAD}Authorization: Bearer rd_wrong\r\nContent-Length: {len(ASK)}\r\n\r\n".encode()
    while True:
        writer.write(body + ASK)
        if not await reader.read(4_096):
            return


async def slow_sse(_reader: Reader, writer: Writer, token: str) -> None:
    """Ask for streams, and read nothing."""
    body = json.dumps({**json.loads(ASK), "stream": True}).encode()
    head = f"{HEAD}Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write((head.encode() + body) * 2)
    await asyncio.sleep(5)


async def chunked(_reader: Reader, writer: Writer, _token: str) -> None:
    """Send a body without an end and without a key."""
    writer.write(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
    while True:
        writer.write(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def expect(reader: Reader, writer: Writer, _token: str) -> None:
    """Wait for a 100 Continue, and send no body."""
    writer.write(f"{HEAD}Expect: 100-continue\r\nContent-Length: 99\r\n\r\n".encode())
    await reader.read()


Attack = Callable[[Reader, Writer, str], Awaitable[None]]
ATTACKS: dict[str, tuple[Attack, int]] = {  # how many connections each keeps
    "half_sent": (half_sent, 64),
    "half_sent_with_key": (half_sent_with_key, 64),
    "never_read": (never_read, 64),
    "idle": (idle, 1_100),
    "header_letters": (header_letters, 64),
    "body_drip": (body_drip, 64),
    "short": (short, 32),
    "wrong_keys": (wrong_keys, 32),
    "slow_sse": (slow_sse, 16),
    "chunked": (chunked, 16),
    "expect": (expect, 64),
}


async def attack(name: str, port: int, token: str) -> None:
    """Keep the connections of an attack up until cancelled: what is closed is opened again."""
    act, count = ATTACKS[name]

    async def keep() -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                line = socket.socket()
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                line.setblocking(False)  # noqa: FBT003
                await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
                reader, writer = await asyncio.open_connection(sock=line, limit=4_096)
                try:
                    await act(reader, writer, token)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.05)

    await asyncio.gather(*(keep() for _ in range(count)))


@contextlib.contextmanager
def attacking(name: str, port: int, token: str) -> Iterator[None]:
    """Attack from a process of its own while the block runs."""
    own = [sys.executable, "-m", "tests.resilience.hostile_clients", "--act", name]
    command = [*own, "--port", str(port), "--token", token]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        time.sleep(1.5)
        yield
    finally:
        process.kill()
        process.wait()


@dataclass
class Window:
    """What honest clients met in some seconds."""

    answers: int = 0
    errors: int = 0
    took: list[float] = field(default_factory=list)
    newcomers: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


KEPT: dict[tuple[int, int], http.client.HTTPConnection] = {}  # by port and client


def ask_for(port: int, token: str, seconds: float) -> Window:
    """Let honest clients ask in a closed loop; they keep their connections, as proxies do."""
    window = Window()
    lock = threading.Lock()
    until = time.monotonic() + seconds
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def newcomer() -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            with contextlib.suppress(OSError, http.client.HTTPException):
                line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                line.request("POST", "/v1/answers", ASK, headers)
                if line.getresponse().status == 200:
                    window.newcomers.append(time.monotonic() - began)
                line.close()
            time.sleep(0.5)

    def client(number: int) -> None:
        line = KEPT.pop((port, number), None)
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                line = line or http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                line.request("POST", "/v1/answers", ASK, headers)
                reply = line.getresponse()
                reply.read()
                good = reply.status == 200
            except (OSError, http.client.HTTPException):
                good = False
                line = None
            with lock:
                window.answers += good
                window.errors += not good
                window.took += [time.monotonic() - began]
            time.sleep(PAUSE)
        if line is not None:
            KEPT[port, number] = line

    threads = [threading.Thread(target=client, args=(n,)) for n in range(CLIENTS)]
    stranger = threading.Thread(target=newcomer)
    stranger.start()
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    window.seconds = time.monotonic() - began
    stranger.join()
    return window


@contextlib.contextmanager
def desk(tree: Path, folder: Path) -> Iterator[tuple[int, str, subprocess.Popen[bytes], Path]]:
    """Serve two documents with one key; gives port, token, process and the log's file."""
    env = {**os.environ, "PYTHONPATH": str(tree)}
    words = [sys.executable, "-m", "ragdesk", "--home", str(folder / "home")]
    texts = folder / "texts"
    texts.mkdir()
    for name, text in TEXTS.items():
        (texts / name).write_text(text, encoding="utf-8")

    def call(*more: str) -> str:
        done = subprocess.run(
            [*words, *more], env=env, cwd=folder, check=True, capture_output=True, text=True
        )
        return done.stdout

    call("ingest", str(texts), "--json")
    token = json.loads(call("keys", "create", "honest", "--json"))["key"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    handles = (HANDLES, HANDLES)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*words, "serve", "--port", str(port), "--log", "warning"],
            env=env,
            cwd=folder,
            stderr=file,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, handles),  # noqa: PLW1509
        )
    try:
        until = time.monotonic() + 60
        while ask_for(port, token, 0.1).answers == 0:
            assert time.monotonic() < until, log.read_text()
        yield port, token, process, log
    finally:
        process.kill()
        process.wait()


def spent(server: psutil.Process) -> float:
    """Seconds of processor time that the server has used: other programs do not count."""
    times = server.cpu_times()
    return float(times.user + times.system)


def measure(
    name: str, served: tuple[int, str, psutil.Process], *, pairs: int, seconds: float
) -> str:
    """Measure an attack against calm windows before each of its own; gives a row of the table."""
    port, token, server = served
    calm = []
    hard = []
    busy = [0.0, 0.0]
    for _ in range(pairs):
        at = spent(server)
        calm.append(ask_for(port, token, seconds))
        busy[0] += spent(server) - at
        with attacking(name, port, token):
            at = spent(server)
            hard.append(ask_for(port, token, seconds))
            busy[1] += spent(server) - at
        time.sleep(1.0)
    ratios = [100 * b.rate / a.rate for a, b in zip(calm, hard, strict=True)]
    before, under = (
        sum(w.answers for w in windows) / sum(w.seconds for w in windows)
        for windows in (calm, hard)
    )
    worst = max(sorted(w.took)[int(0.99 * (len(w.took) - 1))] for w in hard)
    errors = sum(w.errors for w in hard)
    came = [newcomer for w in hard for newcomer in w.newcomers]
    first = f"{statistics.median(came) * 1000:.0f}" if came else "none"
    shares = [
        100 * seconds_busy / sum(w.seconds for w in windows)
        for seconds_busy, windows in zip(busy, (calm, hard), strict=True)
    ]
    row = (
        f"| {name} | {ATTACKS[name][1]:,} | {before:.1f} | {under:.1f} | "
        f"{statistics.median(ratios):.0f} % | {errors} | {worst * 1000:.0f} | {first} | "
        f"{shares[0]:.0f}, {shares[1]:.0f} |"
    )
    sys.stdout.write(f"{row}\n")
    sys.stdout.flush()
    return row


def stop(port: int, token: str, process: subprocess.Popen[bytes]) -> str:
    """Send SIGTERM while hostile clients are attached; tells how long the exit took."""
    with contextlib.ExitStack() as stack:
        for name in ("half_sent_with_key", "never_read", "header_letters"):
            stack.enter_context(attacking(name, port, token))
        body = json.dumps({**json.loads(ASK), "stream": True}).encode()
        head = f"{HEAD}Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), 40) as line:
            line.sendall(head.encode() + body)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            stream = b""
            with contextlib.suppress(OSError):
                while piece := line.recv(65_536):
                    stream += piece
        try:
            process.wait(90)
            took = f"{time.monotonic() - began:.1f} s"
        except subprocess.TimeoutExpired:
            took = "more than 90 s"
    whole = "whole" if b"event: done" in stream else "cut off"
    return f"Exit after SIGTERM with 192 hostile connections: {took}; the honest stream: {whole}."


def main() -> None:
    """Measure every attack, then the exit; write the section unless another tree was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--only", nargs="*", default=list(ATTACKS), choices=list(ATTACKS))
    parser.add_argument("--control", default="", help="rows of an earlier tree, to stand beside")
    parser.add_argument("--act", choices=list(ATTACKS), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--token", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2
        )
        asyncio.run(attack(options.act, options.port, options.token))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with desk(options.tree.resolve(), folder) as (port, token, process, log):
            pairs = options.pairs
            seconds = options.seconds
            served = (port, token, psutil.Process(process.pid))
            rows = [measure(n, served, pairs=pairs, seconds=seconds) for n in options.only]
            exit_ = stop(port, token, process)
            shortage = log.read_text(errors="replace").count("Too many open files")
    head = "| attack | connections | answers/s without | with | of that | errors | p99, ms | newcomer p50, ms | server CPU, % |"
    body = "\n".join(
        [
            f"{CLIENTS} honest clients in a closed loop, {PAUSE * 1000:.0f} ms between two questions;",
            f"{options.pairs} pairs of windows of {options.seconds:g} s; {HANDLES:,} handles.\n",
            f"{head}\n|---|---|---|---|---|---|---|---|---|",
            *rows,
            f"\n{exit_} Log lines about handles that ran out: {shortage:,}.",
            *([f"\n{Path(options.control).read_text()}"] if options.control else []),
        ]
    )
    sys.stdout.write(f"{body}\n")
    if options.tree == ROOT and len(options.only) == len(ATTACKS):
        heading = "P12, continued: hostile clients stop nobody else"
        command = "python -m tests.resilience.hostile_clients"
        write_section(heading, command, body, file=ROOT / "tests" / "resilience" / "RESILIENCY.md")


if __name__ == "__main__":
    main()
