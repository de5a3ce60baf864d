"""The wheel holds what a user runs: built, installed outside of the checkout, and used there.

The libraries are those of this environment, by a .pth file; the four rooms come from the wheel.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"ragdesk", "ingest", "indexes", "eval"}
QUESTION = "How long do I have to return a used machine?"

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), str(ROOT))
    (file,) = folder.glob("ragdesk-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, and take in some of the sample company that it brings.

    All commands run in the folder that is given, far from the checkout.
    """
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env/bin/python"
    pip = (sys.executable, "-m", "pip", "--python", str(python))
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    (packages,) = (folder / "env/lib").glob("python*/site-packages")
    # A path in a .pth file is searched, but the .pth files in it (an editable install) are not.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.copytree(packages / "eval/handbook/documents/policies", folder / "documents/policies")
    report = json.loads(ragdesk(folder, "ingest", "documents", "--json"))
    assert report["documents"] == len(list((folder / "documents/policies").iterdir()))
    return folder


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(  # noqa: S603, our own commands
        command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def environment() -> dict[str, str]:
    own = ("PYTHON", "RAGDESK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def ragdesk(folder: Path, *arguments: str) -> str:
    return run(str(folder / "env/bin/ragdesk"), *arguments, cwd=folder)


def test_the_wheel_holds_the_rooms_and_nothing_of_the_laboratory(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == ROOMS
    assert not [name for name in names if {"tests", "lab", "resilience"} & set(name.split("/"))]
    files = {
        file.relative_to(ROOT).as_posix()
        for room in ROOMS
        for file in (ROOT / room).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert names == files, "code and data, as they are in the checkout"
    data = {"eval/html_report.js", "ragdesk/web/page/index.html", "eval/handbook/cases.jsonl"}
    assert data <= names


def test_the_rooms_come_from_the_wheel(installed: Path):
    code = (
        f"import {', '.join(sorted(ROOMS))}\nfor m in {', '.join(sorted(ROOMS))}: print(m.__file__)"
    )
    files = run(str(installed / "env/bin/python"), "-c", code, cwd=installed).split()
    assert len(files) == len(ROOMS)
    assert all(Path(file).is_relative_to(installed / "env") for file in files), files


def test_a_question_is_answered(installed: Path):
    answer = json.loads(ragdesk(installed, "ask", QUESTION, "--json"))
    assert answer["outcome"] == "answered"
    assert answer["citations"]


@pytest.fixture(scope="module")
def server(installed: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(  # noqa: S603, our own command
        [str(installed / "env/bin/ragdesk"), "serve", "--port", str(port)],
        cwd=installed,
        env=environment(),
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                get(f"{url}/readyz")
                break
            except OSError:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < until, "the server is not ready"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        assert process.wait(30) == 0, "it stops when asked to"


def get(url: str, body: object = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310, loopback
        return reply.read()


def test_the_server_answers_and_shows_its_page(server: str):
    answer = json.loads(get(f"{server}/v1/answers", {"question": QUESTION}))
    assert answer["outcome"] == "answered"
    assert b"<html" in get(f"{server}/")
    assert get(f"{server}/page/app.js")


def test_cases_are_run_and_reported(installed: Path, server: str):
    (handbook,) = (installed / "env/lib").glob("python*/site-packages/eval/handbook")
    lines = (handbook / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [line for line in lines if '"policies/returns.md"' in line][:2]
    (installed / "cases.jsonl").write_text("\n".join(cases) + "\n", encoding="utf-8")
    ragdesk(installed, "eval", "run", "cases.jsonl", "--out", "runs/one")
    assert {"report.json", "report.html"} <= {f.name for f in (installed / "runs/one").iterdir()}


def test_each_bench_measures(installed: Path, server: str):
    code = "from ragdesk.cli.bench import command; print(*sorted(command.commands))"
    names = run(str(installed / "env/bin/python"), "-c", code, cwd=installed).split()
    assert names == ["ingest", "search", "serve"], "each is run here"
    (installed / "questions.txt").write_text(f"{QUESTION}\n", encoding="utf-8")
    asked = ("--questions", "questions.txt", "--rate", "2", "--seconds", "1", "--json")
    report = json.loads(
        ragdesk(installed, "bench", "ingest", "documents/policies/refunds.md", "--json")
    )
    assert report["documents"] == 1
    for arguments in (("search",), ("serve", "--url", server)):
        loads = json.loads(ragdesk(installed, "bench", *arguments, *asked))["loads"]
        assert [load["asked_per_second"] for load in loads] == [2.0]
