"""Confluence, Notion and Feishu of the settings, by ``ragdesk ingest --source`` from end to end.

Each is a small server of the tests, which answers as its documentation says: planned, taken in,
taken in again after a page was changed and another deleted, with who may see each.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from click.testing import CliRunner
from confluence_server import ConfluenceServer, WikiPage
from feishu_server import FeishuServer, paragraph
from notion_server import NotionServer, block
from small_server import SmallReply, SmallRequest, SmallServer

from indexes.index import Index
from indexes.store.access_log import NOBODY_GROUPS
from ragdesk.cli.main import cli

STAFF, HR, EVERYBODY = frozenset({"staff"}), frozenset({"hr"}), frozenset[str]()
Groups = Mapping[str, frozenset[str]]


@dataclass
class Source:
    """The source ``wiki`` of a home, and the server that it is read from."""

    home: Path
    server: SmallServer

    def run(self, *words: str) -> Any:
        """Run ragdesk; gives what it prints as JSON."""
        result = CliRunner().invoke(cli, ["--home", str(self.home), *words, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def ingest(self, *words: str) -> tuple[int, int, int, int]:
        """Take the source in; gives how many were added, changed, removed and unchanged."""
        report = self.run("ingest", "--source", "wiki", *words)
        return tuple(report[name] for name in ("added", "changed", "removed", "unchanged"))

    def count_fetched(self, mark: str, *words: str) -> int:
        """Take the source in; gives how many bodies were asked for. mark: of their addresses."""
        self.server.requests.clear()
        self.ingest(*words)
        return sum(mark in target for target in self.server.targets)

    def list_documents(self) -> Groups:
        with Index.open(self.home / "collections/default") as index:
            return {document.uri: document.groups for document in index.iter_documents()}

    def cite(self, question: str) -> dict[str, str]:
        """Ask; gives the addresses of the documents that are cited."""
        answer = self.run("ask", question)
        return {mark["uri"]: mark["address"] for mark in answer["citations"]}


@contextmanager
def source_of(
    home: Path, answer: Callable[[SmallRequest], SmallReply], settings: str, path: str = ""
) -> Iterator[Source]:
    with SmallServer(answer) as server:
        home.mkdir()
        head = f'[embed]\nmodel = "none"\n[sources.wiki]\nrate = 50.0\naddress = "{server.url}{path}"\n'
        (home / "ragdesk.toml").write_text(head + settings, encoding="utf-8")
        yield Source(home, server)


def test_confluence_is_mirrored_with_who_may_see_each_page(tmp_path: Path):
    wiki = ConfluenceServer(
        pages={
            "10": WikiPage(title="Home", body="<p>All rules stand here.</p>"),
            "11": WikiPage(title="Leave", body="<p>Leave lasts 30 days.</p>"),
            "12": WikiPage(title="Pay", groups=("g-hr",)),
        }
    )
    settings = """kind = "confluence"\nuser = "desk@example.test"\ntoken = "secret"
roots = ["HR"]\ngroups = { all-staff = ["staff", "hr"], g-hr = ["hr"] }\n"""
    with source_of(tmp_path / "home", wiki.answer, settings, "/wiki") as source:
        assert source.ingest("--plan") == (3, 0, 0, 0)
        assert not (source.home / "collections/default/CURRENT").exists()
        assert source.ingest() == (3, 0, 0, 0)
        home, leave, pay = (f"wiki/HR/{number}.html" for number in (10, 11, 12))
        assert source.list_documents() == {home: STAFF | HR, leave: STAFF | HR, pay: HR}
        address = f"{source.server.url}/wiki/spaces/HR/pages/11/Leave"
        assert source.cite("How long does leave last?") == {leave: address}

        wiki.pages["11"] = wiki.pages["11"].edit(body="<p>Leave lasts 35 days.</p>")
        del wiki.pages["10"]
        assert source.ingest("--plan") == (0, 1, 1, 1)
        assert source.ingest() == (0, 1, 1, 1)
        assert source.count_fetched("body-format") == 0  # nothing changed since
        assert "35 days" in source.run("ask", "How long does leave last?")["text"]

        wiki.unlisted, wiki.hidden = {"11"}, {"11"}
        source.ingest()
        assert source.list_documents() == {leave: NOBODY_GROUPS, pay: HR}


def test_notion_is_mirrored_and_without_a_word_for_administrators(tmp_path: Path):
    notion = NotionServer()
    notion.put_page(1, "Leave", block("paragraph", "Leave lasts 30 days."))
    notion.put_page(2, "Press", block("paragraph", "The press calls Mia."), public=True)
    notion.put_page(3, "Old", block("paragraph", "Nothing of this holds."))
    settings = 'kind = "notion"\ntoken = "ntn_secret"\n'
    leave, press, old = (f"wiki/{UUID(int=number).hex}.html" for number in (1, 2, 3))
    with source_of(tmp_path / "home", notion.answer, settings) as source:
        assert source.ingest("--plan") == (3, 0, 0, 0)
        assert source.ingest() == (3, 0, 0, 0)
        assert source.list_documents() == dict.fromkeys((leave, press, old), NOBODY_GROUPS)
        file = source.home / "ragdesk.toml"
        words = 'groups = { unknown = ["staff"], public = ["*"] }\n'
        file.write_text(file.read_text(encoding="utf-8") + words, encoding="utf-8")
        source.ingest()
        assert source.list_documents() == {leave: STAFF, press: EVERYBODY, old: STAFF}
        assert list(source.cite("Whom does the press call?")) == [press]

        later = "2026-06-01T10:00:00.000Z"
        notion.put_page(1, "Leave", block("paragraph", "Leave lasts 35 days."), edited=later)
        del notion.pages[3]
        assert source.ingest("--plan") == (0, 1, 1, 1)
        assert source.ingest() == (0, 1, 1, 1)
        assert source.count_fetched("/children") == 0
        assert "35 days" in source.run("ask", "How long does leave last?")["text"]


def test_feishu_is_mirrored_with_who_may_see_each_document(tmp_path: Path):
    feishu = FeishuServer()
    feishu.put_node("w1", "休假", paragraph("每年有30天休假。"))
    feishu.put_node("w2", "薪酬", paragraph("每月10日发放工资。"))
    feishu.put_node("w3", "旧规定", paragraph("这些规定已经失效。"))
    feishu.members["w2"] = [("opendepartmentid", "od_hr")]
    settings = """kind = "feishu"\nuser = "cli_a"\ntoken = "app-secret"
groups = { oc_staff = ["staff"], od_hr = ["hr"] }\n"""
    with source_of(tmp_path / "home", feishu.answer, settings) as source:
        assert source.ingest("--plan") == (3, 0, 0, 0)
        assert source.ingest() == (3, 0, 0, 0)
        leave, pay, old = (f"wiki/wiki/w{number}.html" for number in (1, 2, 3))
        assert source.list_documents() == {leave: STAFF, pay: HR, old: STAFF}
        assert source.cite("每年有多少天休假？") == {leave: "https://example.feishu.cn/docx/dw1"}

        feishu.put_node("w1", "休假", paragraph("每年有35天休假。"), edited=1_700_000_000)
        del feishu.nodes["w3"]
        assert source.ingest("--plan") == (0, 1, 1, 1)
        assert source.ingest() == (0, 1, 1, 1)
        assert source.count_fetched("/blocks") == 0
        assert "35天" in source.run("ask", "每年有多少天休假？")["text"]

        feishu.refused = {"w1"}
        source.ingest()
        assert source.list_documents() == {leave: NOBODY_GROUPS, pay: HR}
