"""A website of the settings, taken in by ``ragdesk ingest --source`` from end to end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from small_server import SmallReply, SmallRequest, SmallServer

from indexes.index import Index
from indexes.store.access_log import NOBODY_GROUPS
from ragdesk.cli.main import cli

OLD = "2026-05-01"


class Site:
    """A website of a few pages."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.pages = {
            f"/help/{n}": f"<title>Page {n}</title><p>Rule {n} holds.</p>" for n in "abcd"
        }
        self.dates = dict.fromkeys(self.pages, OLD)

    def answer(self, request: SmallRequest) -> SmallReply:
        if request.path == "/sitemap.xml":
            urls = "".join(
                f"<url><loc>{self.server.url}{path}</loc><lastmod>{self.dates[path]}</lastmod></url>"
                for path in self.pages
            )
            return SmallReply(body=f"<urlset>{urls}</urlset>".encode())
        if body := self.pages.get(request.path):
            return SmallReply(body=body.encode(), headers={"content-type": "text/html"})
        return SmallReply(status=404)

    def write_settings(self, more: str = "") -> None:
        self.home.mkdir(exist_ok=True)
        text = f'[embed]\nmodel = "none"\n[sources.site]\nkind = "website"\nrate = 50.0\n{more}'
        address = f'address = "{self.server.url}"\n'
        (self.home / "ragdesk.toml").write_text(text + address, encoding="utf-8")

    def ingest(self, *words: str) -> Result:
        return CliRunner().invoke(cli, ["--home", str(self.home), "ingest", *words])

    def ingest_json(self, *words: str) -> dict[str, Any]:
        result = self.ingest("--source", "site", "--json", *words)
        assert result.exit_code == 0, result.output
        facts: dict[str, Any] = json.loads(result.stdout)
        return facts

    def documents(self) -> dict[str, frozenset[str]]:
        with Index.open(self.home / "collections/default") as index:
            return {document.uri: document.groups for document in index.iter_documents()}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    one = Site(tmp_path / "home")
    with SmallServer(one.answer) as one.server:
        one.write_settings()
        yield one


def test_a_source_is_mirrored_and_what_did_not_change_costs_nothing(site: Site):
    planned = site.ingest_json("--plan")
    assert (planned["added"], planned["generation"]) == (4, None)
    first = site.ingest_json()
    assert first["added"] == 4
    assert first["sources"] == [
        {"name": "site", "listed": 4, "fetched": 0, "unchanged": 4, "removed": 0, "stale": []}
    ]
    assert site.documents().keys() == {f"site/help/{n}.html" for n in "abcd"}
    site.server.requests.clear()
    again = site.ingest_json()
    assert (again["unchanged"], again["added"], again["changed"]) == (4, 0, 0)
    assert site.server.targets == ["/robots.txt", "/sitemap.xml"]
    site.pages["/help/a"] = "<title>Page a</title><p>Another rule.</p>"
    site.dates["/help/a"] = "2026-06-01"
    del site.pages["/help/b"]
    changed = site.ingest_json()
    assert (changed["changed"], changed["removed"], changed["unchanged"]) == (1, 1, 2)


def test_an_answer_leads_to_the_page_in_its_own_system(site: Site, tmp_path: Path):
    folder = tmp_path / "kb"
    folder.mkdir()
    (folder / "a.md").write_text("# A\n\nBread is fresh.\n", encoding="utf-8")
    assert site.ingest_json(str(folder))["added"] == 5  # a folder and a source in one job
    words = ["--home", str(site.home), "ask", "Which rule holds on page b?", "--json"]
    answer = json.loads(CliRunner().invoke(cli, words).stdout)
    cited = {citation["uri"]: citation["address"] for citation in answer["citations"]}
    assert cited["site/help/b.html"] == f"{site.server.url}/help/b"
    backup = str(site.home.parent / "backup.tar")
    for verb in (["verify"], ["backup", backup], ["restore", backup, "--replace"]):
        checked = CliRunner().invoke(cli, ["--home", str(site.home), "indexes", *verb])
        assert checked.exit_code == 0, checked.output


def test_a_source_that_shrinks_asks_for_a_word_and_one_is_taken_away_whole(site: Site):
    site.ingest_json()
    for name in "abc":
        del site.pages[f"/help/{name}"]
    for _ in range(2):  # the pages are forgotten here by then, and still it asks
        refused = site.ingest("--source", "site")
        assert (refused.exit_code, len(site.documents())) == (4, 4)
        assert "source:site: 3 of its 4 documents would be removed" in refused.output
    assert "would refuse" in site.ingest("--source", "site", "--plan").output
    assert site.ingest("--source", "site", "--allow-removals").exit_code == 0
    assert len(site.documents()) == 1
    assert site.ingest("--remove", "source:site", "--allow-removals").exit_code == 0
    assert not (site.home / "connectors/site").exists()
    assert site.documents() == {}


def test_groups_follow_the_settings_at_once_and_for_unchanged_pages_too(site: Site):
    site.ingest_json()
    assert set(site.documents().values()) == {frozenset()}
    site.write_settings('groups = { public = ["staff"] }\n')
    site.ingest_json()
    assert set(site.documents().values()) == {frozenset({"staff"})}
    site.write_settings('groups = { nobody = ["staff"] }\n')
    site.ingest_json()
    assert set(site.documents().values()) == {NOBODY_GROUPS}


def test_a_source_that_is_down_changes_nothing_and_one_that_is_unknown_is_named(site: Site):
    site.ingest_json()
    site.server.answer = lambda _: SmallReply(status=403)
    down = site.ingest("--source", "site")
    assert (down.exit_code, len(site.documents())) == (4, 4)
    odd = (site.home / "ragdesk.toml").read_text(encoding="utf-8").replace("127.0.0.1", "0x7f.1")
    (site.home / "ragdesk.toml").write_text(odd, encoding="utf-8")
    assert (result := site.ingest("--source", "site")).exit_code == 2
    assert "[sources.site]" in result.output
    unknown = site.ingest("--source", "wiki")
    assert unknown.exit_code == 2
    assert "which name: site" in unknown.output


def test_the_list_of_hosts_holds_for_names_that_lead_into_the_house(site: Site):
    site.write_settings()
    text = (site.home / "ragdesk.toml").read_text(encoding="utf-8")
    named = text.replace("http://127.0.0.1", "http://localhost")
    (site.home / "ragdesk.toml").write_text(named, encoding="utf-8")
    refused = site.ingest("--source", "site")
    assert refused.exit_code == 4
    assert "private_networks" in refused.output
    assert site.server.requests == []
