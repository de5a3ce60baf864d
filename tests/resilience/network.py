"""Watch what every command opens: connections and look-ups that leave the machine, and files.

    python -m tests.resilience.network                    every command; writes RESILIENCY.md
    python -m tests.resilience.network --only ingest ask  some of them; writes nothing
    python -m tests.resilience.network --alone            without strace, no network but loopback

Each runs as its user would, in an empty home folder, under ``strace``, with a shell around it that
asks every library to report. A connection to loopback or to a socket file is no finding; a packet to
port 53 is one wherever it goes. Children are followed. ``--alone`` is run in a network namespace of
its own (``unshare -rn``), where anything that needs a network would fail.
"""

import argparse
import contextlib
import fcntl
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
CALLS = "connect,sendto,sendmsg,sendmmsg,openat,open,creat,mkdir,mkdirat"
ADDRESS = re.compile(
    r'sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?inet_(?:addr|pton)\((?:AF_INET6, )?"([^"]+)"'
)
RESOLVER = re.compile(r'sa_family=AF_UNIX, sun_path="([^"]*resolve[^"]*)"')
MADE = re.compile(
    r'(?:open|openat|creat)\((?:AT_FDCWD, |\d+, )?"([^"]+)", [^)]*O_CREAT[^)]*\) = \d'
)
FOLDER = re.compile(r'mkdir(?:at)?\((?:AT_FDCWD, |\d+, )?"([^"]+)", [^)]*\) = 0')
QUESTIONS = ("Can I return a used machine?", "可以寄到香港吗？", "How long does shipping take?")
ASKED_TO_REPORT = {  # a shell that is set up for other projects
    "ORT_DISABLE_TELEMETRY": "0",
    "HF_HUB_DISABLE_TELEMETRY": "0",
    "DO_NOT_TRACK": "0",
    "RAY_USAGE_STATS_ENABLED": "1",
    "VLLM_NO_USAGE_STATS": "0",
    "LANGSMITH_TRACING": "true",
    "LANGCHAIN_TRACING_V2": "true",
    "LANGSMITH_API_KEY": "lsv2_pt_none",
}
OWN = ("/dev/", "/proc/", "/sys/", "/memfd:")


OWN_CACHE = ".cache/ragdesk"
"""Models in the form in which they run: the default of ``[embed] cache``, and nothing else of ours."""


@dataclass
class Findings:
    """What one command did beyond its own folders. Lines of strace, and names of files."""

    name: str
    seconds: float = 0.0
    exit: int | None = 0
    connections: list[str] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        """Say whether the command ended well and nothing was found."""
        return self.exit == 0 and not any((self.connections, self.lookups, self.files, self.cached))


class Place:
    """The folders of one imaginary user: a home folder, a cache, a temporary folder, a desk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user, self.temporary, self.home = (folder / n for n in ("user", "tmp", "desk"))
        self.documents = folder / "documents"
        self.cases = folder / "cases.jsonl"
        for made in (self.user, self.temporary, self.documents):
            made.mkdir(parents=True)
        sample = ROOT / "eval/handbook/documents/policies"
        for file in sorted(sample.iterdir())[:3]:
            shutil.copy(file, self.documents)
        (self.documents / "faq.csv").write_text("question,answer\nIs it open?,Yes it is.\n")
        cases = (ROOT / "eval/handbook/cases.jsonl").read_text(encoding="utf-8").splitlines()
        self.cases.write_text("\n".join(cases[:3]) + "\n", encoding="utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        """Give the variables a command runs with."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
            "HOME": str(self.user),
            "XDG_CACHE_HOME": str(self.user / ".cache"),
            "TMPDIR": str(self.temporary),
            **ASKED_TO_REPORT,
            **more,
        }


def listen(process: subprocess.Popen[str], seconds: float) -> None:
    """Wait for the server's line, ask it a few questions, leave it idle, end it by SIGTERM."""
    assert process.stderr
    lines = []
    for line in process.stderr:
        lines.append(line)
        if address := re.search(r"http://127\.0\.0\.1:(\d+)/ ", line):
            break
    else:
        raise RuntimeError("".join(lines[-20:]))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + seconds
    for round_ in range(2):
        for question in QUESTIONS:
            body = json.dumps({"question": question}).encode()
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(
                f"http://127.0.0.1:{address[1]}/v1/answers", body, headers
            )
            with opener.open(request, timeout=60) as reply:
                reply.read()
        if not round_:
            time.sleep(max(0.0, until - time.monotonic()))
    os.kill(_server(process.pid), signal.SIGTERM)


def _server(pid: int) -> int:
    """Find the first descendant that is not strace: the command itself."""
    while Path(f"/proc/{pid}/comm").read_text().strip() == "strace":
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
        pid = children[0]
    return pid


@dataclass(frozen=True)
class Journey:
    """A command as its user would type it. idle: seconds a server is left without a question."""

    name: str
    command: tuple[str, ...]
    idle: float | None = None
    variables: tuple[tuple[str, str], ...] = ()


def journeys(place: Place, idle: float) -> list[Journey]:
    """List the commands, in the order in which one builds on the other."""
    desk = ("-m", "ragdesk", "--home", str(place.home))
    beside = ("-m", "ragdesk", "--home", str(place.folder / "beside"))
    documents = str(place.documents)
    milvus = (
        ("RAGDESK_INDEXES__BACKEND", "milvus"),
        ("RAGDESK_INDEXES__URI", str(place.folder / "milvus.db")),
    )
    torch = (("RAGDESK_EMBED__BACKEND", "torch"),)
    return [
        Journey("ingest", (*desk, "ingest", documents)),
        Journey("ask", (*desk, "ask", QUESTIONS[0])),
        Journey("search", (*desk, "search", QUESTIONS[1])),
        Journey("serve", (*desk, "serve", "--port", "0"), idle),
        Journey("eval run", (*desk, "eval", "run", str(place.cases), "--out", f"{place.folder}/run")),
        Journey("indexes verify", (*desk, "indexes", "verify")),
        Journey("doctor", (*desk, "doctor")),
        Journey("demo", ("-m", "ragdesk", "--home", str(place.folder / "sample"), "demo")),
        Journey("ingest, by torch", (*beside, "ingest", documents, "--collection", "t"), None, torch),
        Journey("ingest --on ray", (*beside, "ingest", documents, "--collection", "r", "--on", "ray")),
        Journey("ingest, Milvus Lite", (*beside, "ingest", documents, "--collection", "m"), None, milvus),
        Journey("ask, Milvus Lite", (*beside, "ask", QUESTIONS[0], "--collection", "m"), None, milvus),
        Journey("import indexes, idle", ("-c", IDLE)),
    ]  # fmt: skip


IDLE = "import indexes.embedding.on_onnx, ragdesk.web.api, ingest.job, time; time.sleep(15)"


def watch(journey: Journey, place: Place, *, traced: bool = True) -> Findings:
    """Run one command and tell what it opened. traced: under strace; else only how it ended."""
    findings = Findings(journey.name)
    log = place.folder / "trace"
    tracer = ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "300", "-e", f"trace={CALLS}"]
    command = [*tracer, "-o", str(log)] if traced else []
    started = time.monotonic()
    process = subprocess.Popen(
        [*command, sys.executable, *journey.command],
        env=place.environment(**dict(journey.variables)),
        cwd=place.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if journey.idle is not None:
            listen(process, journey.idle)
        _, errors = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                os.kill(_server(process.pid), signal.SIGKILL)
            process.kill()
            process.wait()
    findings.seconds = time.monotonic() - started
    findings.exit = process.returncode
    if findings.exit:
        sys.stderr.write(f"{journey.name}: exit {process.returncode}\n{errors[-2_000:]}\n")
    if traced:
        read(log.read_text(encoding="utf-8", errors="replace").splitlines(), place, findings)
    found = sorted(str(f.relative_to(place.user)) for f in place.user.rglob("*"))
    findings.cached = [
        name for name in found if not name.startswith(OWN_CACHE) and name != ".cache"
    ]
    for item in list(place.user.iterdir()):  # the next command is judged by its own
        shutil.rmtree(item) if item.is_dir() else item.unlink()
    return findings


def read(lines: list[str], place: Place, findings: Findings) -> None:
    """Sort the lines of strace: what left the machine, what looked up a name, what was written."""
    for line in lines:
        if match := ADDRESS.search(line):
            address = ipaddress.ip_address(match[2].removeprefix("::ffff:"))
            if match[1] == "53":
                findings.lookups.append(line)
            elif not (address.is_loopback or address.is_unspecified):
                findings.connections.append(line)
        elif "connect(" in line and RESOLVER.search(line):
            findings.lookups.append(line)
        elif match := MADE.search(line) or FOLDER.search(line):
            name = match[1]
            elsewhere = not name.startswith((*OWN, str(place.folder)))
            if name.startswith("/") and elsewhere and "__pycache__" not in name:
                findings.files.append(name)


def raise_loopback() -> None:
    """Bring up ``lo`` in a new network namespace, and make sure that nothing else is there."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 1 | 64)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outwards:
        try:
            outwards.connect(("192.0.2.1", 9))
        except OSError:
            return
    raise RuntimeError("This is no namespace of its own: run it by unshare -rn.")


def run(names: list[str], idle: float, *, traced: bool = True) -> Iterator[Findings]:
    """Run the commands of these names, or all; each one's findings as it ends."""
    with tempfile.TemporaryDirectory(prefix="ragdesk-quiet-") as folder:
        place = Place(Path(folder).resolve())
        for journey in journeys(place, idle):
            if not names or journey.name in names:
                yield watch(journey, place, traced=traced)


def table(rows: list[Findings]) -> str:
    """Draw the findings as Markdown."""
    lines = [
        "| command | seconds | exit | connections | look-ups | files elsewhere | in the user's cache |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.name} | {r.seconds:.0f} | {r.exit} | {len(r.connections)} | {len(r.lookups)} | "
        f"{len(r.files)} | {len(r.cached)} |"
        for r in rows
    ]
    return "\n".join(lines)


def main() -> int:
    """Run, print, and write the section where every command was run. Exit 1 with findings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument(
        "--control", type=Path, help="what another version printed, for the section"
    )
    options = parser.parse_args()
    if options.alone:
        raise_loopback()
    rows = []
    for findings in run(options.only, options.idle, traced=not options.alone):
        rows.append(findings)
        for name in ("connections", "lookups", "files", "cached"):
            for line in getattr(findings, name)[:5]:
                sys.stderr.write(f"{findings.name}: {name}: {line[:200]}\n")
    sys.stdout.write(table(rows) + "\n")
    if not options.only and not options.alone:
        _write(table(rows), options.control)
    return 0 if all(row.quiet for row in rows) else 1


def _write(drawn: str, control: Path | None) -> None:
    from tests.lab.results import write_section  # noqa: PLC0415 - it is not needed in a control

    before = f"\n\nThe same at 363a9ed (control):\n\n{control.read_text()}" if control else ""
    write_section(
        "Nothing is sent out",
        "python -m tests.resilience.network",
        "Each command as its user would run it, its children too, under `strace`, in a shell that asks\n"
        "every library to report. Connections: to anything but loopback. Look-ups: packets to port 53\n"
        "and calls of a resolver. Files elsewhere: made outside the home of the desk, the user's home\n"
        f"folder and TMPDIR. Served: 6 questions and 30 s of silence.\n\n{drawn}{before}",
        file=ROOT / "tests/resilience/RESILIENCY.md",
    )


if __name__ == "__main__":
    raise SystemExit(main())
