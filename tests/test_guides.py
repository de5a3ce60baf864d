"""The Python that our papers show runs as it stands, against a home or a server of the tests."""

import ast
import asyncio
import contextlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import running
from fakes import HashEmbedder, document
from starlette.testclient import TestClient
from web_home import REFUNDS, publish

from indexes.build import Build
from indexes.embedding.embedder import EmbedOptions, open_embedder
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from ragdesk.support.key_store import KeyStore
from ragdesk.web import api

ROOT = Path(__file__).parents[1]
MACHINE_QUESTION = "How long do I have to return a used machine?"
RETURNS = "# Returns\nYou have 14 days to return a used machine.\n"


def read_blocks(paper: str) -> list[str]:
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / paper).read_text(encoding="utf-8"), re.DOTALL
    )
    assert blocks, paper
    return blocks  # fmt: skip


def run_block(block: str) -> dict[str, Any]:
    """Run a block, also one that awaits, as a notebook does."""
    names: dict[str, Any] = {}
    code = compile(block, "<paper>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - our own paper
    if inspect.iscoroutine(result):
        asyncio.run(result)
    return names


@pytest.fixture
def demo(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand where `var/demo` is a home."""
    words_alone = open_embedder(EmbedOptions(model="none"), cache)
    folder = tmp_path / "var" / "demo" / "collections" / "default"
    folder.parent.mkdir(parents=True)
    with Build(folder, words_alone) as build:
        build.add(*document("returns.md", RETURNS, title="Returns"))
        build.publish()
    monkeypatch.chdir(tmp_path)


PROGRAMS = [block for paper in ("README.md", "ragdesk/PYTHON.md") for block in read_blocks(paper)]


@pytest.mark.parametrize("block", [block for block in PROGRAMS if "FastAPI" not in block])
def test_programs_that_open_a_desk(block, demo, capsys):
    run_block(block)
    assert "14 days" in capsys.readouterr().out


def test_a_service_that_opens_a_desk(demo):
    (block,) = (block for block in PROGRAMS if "FastAPI" in block)
    with TestClient(run_block(block)["app"]) as client:
        shown = client.get("/ask", params={"question": MACHINE_QUESTION})
    assert shown.json()["outcome"] == "answered"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    home = tmp_path / "home"
    publish(home, "default", {"refunds.md": REFUNDS})
    publish(home, "other", {"only-here.md": "The colour of the marmalade is orange.\n"})
    with contextlib.closing(KeyStore(home)) as keys:
        app = api.build_app(Workspace(home, Settings(), HashEmbedder()), keys)
        with running(app) as address:
            yield address


@pytest.mark.parametrize(("number", "words"), [(0, "5 working days"), (1, "marmalade is orange")])
def test_clients_of_a_server(number, words, address, capsys):
    block = read_blocks("ragdesk/web/openai_api/OPENAI.md")[number]
    assert block.count("http://127.0.0.1:8080/v1") == 1
    run_block(block.replace("http://127.0.0.1:8080/v1", address).replace("rd_…", "rd_"))
    assert words in capsys.readouterr().out
