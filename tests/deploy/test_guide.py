"""The operator's guide is followed: its `sh` blocks run as they stand, and its alarms exist."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

import ragdesk
from ragdesk.metrics import Metrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "ragdesk" / "deploy"
PAGES = sorted(page for page in DEPLOY.glob("*.md"))
OLD_HOME = ROOT / "tests" / "fixtures" / "home-0.1.0"
SERVED = {"scale", "watch"}  # pages that ask a running server


def read_blocks(page, kind="sh"):
    return re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", page.read_text(encoding="utf-8"))


def test_each_block_says_what_it_is():
    for page in PAGES:
        kinds = set(re.findall(r"(?m)^```(\w*)$", page.read_text(encoding="utf-8"))) - {""}
        assert kinds <= {"sh", "console", "yaml"}, page.name
    assert {page.stem for page in PAGES if read_blocks(page)} == {
        "install", "upgrade", "upgrade-from-0.1.0", "back-up", "restore", "scale", "rotate-keys",
        "watch",
    }  # fmt: skip


def test_no_page_needs_a_tag_and_each_names_the_version_that_it_is_of():
    for page in PAGES:
        commands = "\n".join(read_blocks(page, "sh") + read_blocks(page, "console"))
        assert not re.findall(r"git (?:checkout|clone|switch).*", commands), page.name
        versions = re.findall(r"(?:ragdesk:|image\.tag=)(\d[\w.]*)", commands)
        assert set(versions) <= {ragdesk.__version__}, page.name


def test_the_readme_links_every_page():
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([\w.-]+\.md)\)", text)) == {
        page.name for page in PAGES if page.name != "README.md"
    }


def test_every_alarm_is_explained_and_counts_what_exists():
    rules = [
        rule
        for group in yaml.safe_load((DEPLOY / "alarms.yaml").read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    page = (DEPLOY / "alarms.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^### (\w+)$", page) == [rule["alert"] for rule in rules]
    families = {family.name: family for family in Metrics(("/v1/answers",)).registry.collect()}
    for rule in rules:
        for name, matchers in re.findall(r"\b((?:ragdesk|process)_\w+)(\{[^}]*\})?", rule["expr"]):
            family = families.get(re.sub(r"_(total|bucket)$", "", name))
            assert family, f"{rule['alert']} asks for {name}"
            labels = set(re.findall(r"(\w+)=", matchers)) - {"job"}
            assert labels <= _known_labels(name), f"{rule['alert']}: {name} has no {labels}"


def _known_labels(name):
    metrics = Metrics(("/v1/answers",))
    family = re.sub(r"_(total|bucket)$", "", name).removeprefix("ragdesk_")
    known = {
        "requests": metrics.requests,
        "request_seconds": metrics.seconds,
        "answers": metrics.answers,
        "degraded": metrics.degraded,
        "sentences": metrics.sentences,
        "turns": metrics.turns,
        "jobs": metrics.jobs,
    }
    return set(known[family]._allowed) if family in known else set()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, cache):
    """A folder as the guide expects one: documents, a desk that holds them, a backup, a key."""
    folder = tmp_path_factory.mktemp("operator")
    policies = ROOT / "eval" / "handbook" / "documents" / "policies"
    (folder / "documents").mkdir()
    (folder / "more-documents").mkdir()
    shutil.copy(policies / "refunds.md", folder / "documents")
    shutil.copy(policies / "shipping.md", folder / "more-documents")
    words = "ragdesk ingest documents; ragdesk keys create admin --role admin > key"
    follow(f"{words}; ragdesk backup monday.rdh", folder, environment(folder, cache))
    return folder


def environment(folder, cache):
    """Give the variables of an operator's shell, with this environment's ragdesk on its path."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    program = programs / "ragdesk"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ragdesk "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAGDESK_")}
    return {
        **kept,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "RAGDESK_HOME": str(folder / "home"),
        "RAGDESK_EMBED__CACHE": str(cache),
    }


def follow(text, folder, variables):
    done = subprocess.run(  # noqa: S603, our own page
        ["/bin/sh", "-euc", text], cwd=folder, env=variables, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def serving(folder, variables):
    process = subprocess.Popen(  # noqa: S603, our own command
        [str(folder / "programs" / "ragdesk"), "serve"], cwd=folder, env=variables
    )
    try:
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                port = variables["RAGDESK_SERVE__PORT"]
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                break
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server is not ready"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.real
@pytest.mark.parametrize(
    "page", [page for page in PAGES if read_blocks(page)], ids=lambda p: p.stem
)
def test_what_a_page_says_can_be_done(page, prepared, cache, tmp_path):
    folder = shutil.copytree(prepared, tmp_path / "desk")
    variables = environment(folder, cache)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = variables["RAGDESK_SERVE__PORT"] = str(free.getsockname()[1])
    variables["KEY"] = (folder / "key").read_text(encoding="utf-8").strip()
    blocks = "\n".join(read_blocks(page)).replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    if page.stem in {"install", "upgrade-from-0.1.0"}:
        shutil.rmtree(folder / "home")
    if page.stem == "upgrade-from-0.1.0":
        shutil.copytree(OLD_HOME / "home", folder / "home")
        variables["SOURCE"] = str(OLD_HOME / "documents")
    if page.stem != "restore":
        (folder / "monday.rdh").unlink()
    if page.stem == "rotate-keys":
        follow("openssl rand -base64 32 > encryption_key", folder, variables)
        variables["RAGDESK_SUPPORT__ENCRYPTION_KEY"] = f"file:{folder / 'encryption_key'}"
    with serving(folder, variables) if page.stem in SERVED else contextlib.nullcontext():
        said = follow(blocks, folder, variables)
    if page.stem == "install":
        assert '"ready":true' in said
        assert '"outcome":"answered"' in said
        assert "5 to 7 working days" in said
        assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    elif page.stem == "watch":
        assert "ragdesk_requests_total" in said
    elif page.stem == "upgrade-from-0.1.0":
        assert "5 to 7 working days" in said
