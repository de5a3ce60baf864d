"""Count the handles of a server while documents are put and questions run, at a limit of 256.

    python -m tests.resilience.handles                  1,000 puts, some 20 minutes; writes RESILIENCY.md
    python -m tests.resilience.handles --puts 40        in small; writes nothing

The server is a process of its own, whose soft and hard limit of open files is what ``--limit``
says, with the collector as the command line sets it. Two clients ask all the time, one of them
streamed and every third of its answers broken off. A put counts as served when the server answers
from its generation once the job says that it is done.
"""

import argparse
import contextlib
import gc
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import httpx
from fakes import HashEmbedder
from web_home import TEXTS, publish

from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api, server
from ragdesk.web.serve_options import ServeOptions
from tests.lab.results import write_section

FIGURES = Path(__file__).with_name("RESILIENCY.md")
TITLE = "P19, continued: handles stay flat, whatever is put and asked"
ASK = {"question": "When does a refund reach my account?"}
BEFORE = """On 363a9ed the same script with `--puts 40` ended with {before}."""
HEAD = (
    "| puts | done and served | not served | jobs failed | refused | answers | answers of 5xx "
    "| broken off |\n|---|---|---|---|---|---|---|---|"
)
SIZES = "| after puts | handles | mapped files | MB |\n|---|---|---|---|"


@dataclass(slots=True)
class Tally:
    """What came of the puts and of the questions, and what the server held after some puts."""

    puts: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    sizes: list[tuple[int, int, int, float]] = field(default_factory=list)


def serve(home: Path, port: int, limit: int) -> None:
    """Serve a home with so many handles at most."""
    gc.set_threshold(50_000, 20, 20)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    options = ServeOptions(port=port, poll_seconds=0.1, drain_seconds=5)
    keys = KeyStore(home)
    desks = Workspace(home, replace(Settings(), serve=options), HashEmbedder())
    server.run_server(api.build_app(desks, keys), options)
    keys.close()


@contextlib.contextmanager
def served(home: Path, limit: int) -> Iterator[tuple[str, int]]:
    """Start a server; give its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.resilience.handles", "--serve", str(home)]
    command += [str(port), str(limit)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        base = f"http://127.0.0.1:{port}"
        try:
            until = time.monotonic() + 60
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"{base}/healthz").is_success:
                        break
                if process.poll() is not None or time.monotonic() > until:
                    raise AssertionError("the server did not start")
                time.sleep(0.1)
            yield base, process.pid
        finally:
            process.terminate()


def ask(base: str, tally: Tally, stop: threading.Event, *, stream: bool) -> None:
    """Ask until it is told to stop; of streamed answers, leave every third in the middle."""
    with httpx.Client(timeout=60) as client:
        while not stop.is_set():
            number = sum(tally.answers.values())
            try:
                body = {**ASK, "stream": stream}
                with client.stream("POST", f"{base}/v1/answers", json=body) as answer:
                    if stream and number % 3 == 0:
                        next(answer.iter_raw(64), None)
                        tally.answers["broken off"] += 1
                        continue
                    answer.read()
                    tally.answers[f"{answer.status_code // 100}xx"] += 1
            except httpx.HTTPError:
                tally.answers["no answer"] += 1


def put(client: httpx.Client, base: str, number: int) -> str:
    """Put a document; say what became of it."""
    where = f"{base}/v1/collections/default/documents"
    text = f"# Refunds\n\nA refund takes {number} days, by rule {number}.\n"
    sent = client.put(f"{where}/note-{number % 50}.md", content=text.encode())
    if sent.status_code != httpx.codes.ACCEPTED:
        return "refused"
    while (job := client.get(f"{base}{sent.headers['location']}").json())["finished"] is None:
        time.sleep(0.02)
    if job["state"] != "done":
        return "failed"
    answers_from = client.get(where, params={"limit": 1}).json().get("generation", 0)
    return "served" if answers_from >= job["report"]["generation"] else "not served"


def sizes(process: int) -> tuple[int, int, float]:
    """Count the handles and the mapped files of a process, and its memory in MB."""
    place = Path(f"/proc/{process}")
    handles = sum(1 for _ in (place / "fd").iterdir())
    mapped = (place / "maps").read_text(encoding="utf-8").count("/collections/")
    pages = int((place / "statm").read_text(encoding="ascii").split()[1])
    return handles, mapped, pages * resource.getpagesize() / 1e6


def run(puts: int, limit: int) -> Tally:
    """Put so many documents one after the other, with questions running."""
    tally = Tally()
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        publish(home, "default", TEXTS)
        with served(home, limit) as (base, process), httpx.Client(timeout=60) as client:
            threads = [
                threading.Thread(target=ask, args=(base, tally, stop), kwargs={"stream": stream})
                for stream in (True, False)
            ]
            for thread in threads:
                thread.start()
            try:
                for number in range(1, puts + 1):
                    try:
                        tally.puts[put(client, base, number)] += 1
                    except (httpx.HTTPError, KeyError, ValueError):
                        tally.puts["refused"] += 1
                    if number % max(1, puts // 100) == 0:
                        tally.sizes.append((number, *sizes(process)))
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
    return tally


def table(tally: Tally) -> str:
    """Write what was counted as Markdown."""
    puts = tally.puts
    answers = tally.answers
    row = [
        sum(puts.values()),
        puts["served"],
        puts["not served"],
        puts["failed"],
        puts["refused"],
        answers["2xx"],
        answers["5xx"] + answers["no answer"],
        answers["broken off"],
    ]
    rows = [HEAD, f"| {' | '.join(f'{n:,}' for n in row)} |", "", SIZES]
    step = max(1, len(tally.sizes) // 10)
    rows += [f"| {n:,} | {h} | {m} | {mb:.0f} |" for n, h, m, mb in tally.sizes[step - 1 :: step]]
    handles = [h for _, h, _, _ in tally.sizes[len(tally.sizes) // 5 :]]
    if len(handles) > 1:
        slope = statistics.linear_regression(range(len(handles)), handles).slope
        each = slope / max(1, tally.sizes[1][0] - tally.sizes[0][0])
        rows += ["", f"Handles a put, by least squares over the last four fifths: {each:+.4f}."]
    return "\n".join(rows)


def main() -> None:
    """Run, and write the figures down when all of it was run."""
    read = argparse.ArgumentParser(description=__doc__)
    read.add_argument("--puts", type=int, default=1_000)
    read.add_argument("--limit", type=int, default=256)
    read.add_argument("--before", default="")
    read.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    options = read.parse_args()
    if options.serve:
        serve(Path(options.serve[0]), *map(int, options.serve[1:]))
        return
    tally = run(options.puts, options.limit)
    body = f"At most {options.limit} open files.\n\n{table(tally)}"
    if options.before:
        body += f"\n\n{BEFORE.format(before=options.before)}"
    sys.stdout.write(f"{body}\n")
    if options.puts >= 1_000:
        write_section(TITLE, "python -m tests.resilience.handles", body, file=FIGURES)


if __name__ == "__main__":
    main()
