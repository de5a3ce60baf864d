"""The stored pages of a source, whose process may end at any moment."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from small_server import SmallReply, SmallRequest, SmallServer
from source_checks import NAME, read_source

from indexes.errors import CollectionBusy
from ingest.connectors.page_store import STORE_FILE, discard_page_store, open_page_store
from ingest.connectors.remote_page import PageContent, RemotePage
from ingest.connectors.source_sync import list_stored_files
from ingest.errors import SourceUnreadable

LOOK = """
import sys
from pathlib import Path
from ingest.connectors.connector_table import group_map_of, open_connector
from ingest.connectors.page_store import open_page_store
from ingest.connectors.source_options import RemoteSourceOptions
from ingest.connectors.source_sync import SourceSync

options = RemoteSourceOptions(kind="website", address=sys.argv[1], rate=50.0)
with open_page_store(Path(sys.argv[2]), "wiki") as store, open_connector("wiki", options) as one:
    sync = SourceSync(name="wiki", connector=one, store=store, group_map=group_map_of(options))
    print(sync.update_pages().fetched)
"""


def page(number: int, **facts: str) -> RemotePage:
    return RemotePage(id=f"p{number}", path=f"a/{number}", address="", version="1", **facts)


def test_a_process_that_is_killed_amid_a_look_loses_the_page_it_was_at(tmp_path: Path):
    looks: list[subprocess.Popen[str]] = []
    asked: list[str] = []

    def answer(request: SmallRequest) -> SmallReply:
        if request.path == "/sitemap.xml":
            urls = (
                f"<url><loc>{server.url}/p{n}</loc><lastmod>2026-01-01</lastmod></url>"
                for n in range(6)
            )
            return SmallReply(body=f"<urlset>{''.join(urls)}</urlset>".encode())
        if request.path == "/robots.txt":
            return SmallReply(status=404)
        asked.append(request.path)
        if len(asked) == 4:
            looks[0].send_signal(signal.SIGKILL)
            looks[0].wait(30)
        return SmallReply(body=b"<p>Text.</p>", headers={"content-type": "text/html"})

    def look() -> str:
        command = [sys.executable, "-c", LOOK, server.url, str(tmp_path)]
        looks.insert(0, subprocess.Popen(command, stdout=subprocess.PIPE, text=True))  # noqa: S603
        return looks[0].communicate(timeout=60)[0]

    with SmallServer(answer) as server:
        assert look() == ""
        assert looks[0].returncode == -signal.SIGKILL
        assert len(read_source(tmp_path)) == 3
        assert look() == "3\n"
    assert read_source(tmp_path).keys() == {f"p{n}" for n in range(6)}


def test_one_process_looks_at_a_source_at_a_time(tmp_path: Path):
    with (
        open_page_store(tmp_path, NAME),
        pytest.raises(CollectionBusy, match="'wiki'"),
        open_page_store(tmp_path, NAME),
    ):
        pass


def test_pages_are_for_the_desks_user_alone_and_bytes_are_shared_and_swept(tmp_path: Path):
    folder = tmp_path / "store"
    with open_page_store(folder, NAME) as store:
        for number in range(3):
            store.put_page(page(number), PageContent(body=b"alike"), frozenset())
        store.put_page(page(2), PageContent(body=b"changed"), frozenset({"hr"}))
        store.remove_pages(["p0", "p2"])
        names = [file.name for file in (folder / "bodies").iterdir()]
        (kept,) = store.read_pages().values()
    assert names == [kept.file.name]
    assert folder.stat().st_mode & 0o077 == 0
    discard_page_store(folder)
    discard_page_store(folder)
    assert not folder.exists()


def test_a_page_whose_bytes_are_lost_is_fetched_anew_and_a_torn_table_is_named(tmp_path: Path):
    with open_page_store(tmp_path, NAME) as store:
        store.put_page(page(1), PageContent(body=b"x"), frozenset())
        (kept,) = store.read_pages().values()
        kept.file.unlink()
        assert store.read_pages() == {}
    (tmp_path / STORE_FILE).write_bytes(b"no table" * 1_000)
    with pytest.raises(SourceUnreadable, match="Remove it"), open_page_store(tmp_path, NAME):
        pass


def test_a_table_of_a_newer_version_is_left_alone(tmp_path: Path):
    with open_page_store(tmp_path, NAME):
        pass
    with sqlite3.connect(tmp_path / STORE_FILE) as table:
        table.execute("PRAGMA user_version = 99")
    table.close()
    with pytest.raises(SourceUnreadable, match="newer"), open_page_store(tmp_path, NAME):
        pass


def test_files_have_names_groups_and_addresses_that_may_be_kept(tmp_path: Path):
    with open_page_store(tmp_path, NAME) as store:
        strange = RemotePage(id="1", path="/../a\n/./b", address="javascript:x()")
        store.put_page(strange, PageContent(body=b"x"), frozenset({"hr"}))
        root, (file,) = list_stored_files(NAME, store)
    assert str(root) == "source:wiki"
    assert (file.name, file.groups, file.address) == ("wiki/a%0A/b.html", {"hr"}, "")
