import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import source_files, sources
from ingest.document import Skipped
from ingest.errors import IngestError, SourceUnreadable, Unreadable
from ingest.originals import Originals, digest_file
from ingest.source_files import SourceFile, list_files
from ingest.sources import Source, assign_uris, settle_source


def make(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name} text")
    return root


def names(listed):
    return [one.name for one in listed if isinstance(one, SourceFile)]


def reasons(listed):
    return {one.uri: one.reason for one in listed if isinstance(one, Skipped)}


def test_files_are_named_by_their_path_in_order_and_hidden_ones_are_passed_over(tmp_path):
    seen = ("b.md", "a/z.md", "a/退款 政策.md", "SOURCE.txt")
    hidden = (".git/config", ".DS_Store", "a/.hidden/x.md", "~$open.docx", "Thumbs.db")
    make(tmp_path, *seen, *hidden)

    listed = list_files(tmp_path)

    assert names(listed) == ["SOURCE.txt", "a/z.md", "a/退款 政策.md", "b.md"]
    assert not reasons(listed)


def test_a_lone_file_is_a_source_and_bears_its_name(tmp_path):
    make(tmp_path, "faq.csv", "other.csv")
    assert names(list_files(tmp_path / "faq.csv")) == ["faq.csv"]


def test_links_lead_to_files_inside_the_source_and_nowhere_else(tmp_path):
    root = make(tmp_path / "source", "real.md", "folder/x.md", ".secret/key")
    make(tmp_path, "outside.md")
    (root / "alias.md").symlink_to("real.md")
    (root / "out.md").symlink_to(tmp_path / "outside.md")
    (root / "key.md").symlink_to(".secret/key")
    (root / "linked").symlink_to("folder")
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "nowhere").symlink_to("gone")

    listed = list_files(root)

    assert names(listed) == ["alias.md", "folder/x.md", "real.md"]
    assert reasons(listed).keys() == {"out.md", "key.md", "linked", "up", "loop", "nowhere"}


def test_pipes_are_skipped_and_never_opened(tmp_path):
    make(tmp_path, "a.md")
    os.mkfifo(tmp_path / "pipe.md")

    assert "pipe" in reasons(list_files(tmp_path))["pipe.md"]
    with pytest.raises(Unreadable, match="pipe"):
        digest_file(tmp_path / "pipe.md", limit=1)


def test_names_that_cannot_be_shown_are_percent_encoded(tmp_path):
    for name in (b"\xff\xfe.md", b"new\nline.md", "rtl-\u202e.md".encode()):
        (tmp_path / os.fsdecode(name)).write_text("x")

    listed = list_files(tmp_path)

    assert names(listed) == ["%FF%FE.md", "new%0Aline.md", "rtl-%E2%80%AE.md"]
    assert all(one.path.read_text() == "x" for one in listed)


def test_names_in_an_older_encoding_are_read_by_it(tmp_path):
    known = {"维修手册.md": "gbk", "инструкция.md": "cp1251", "ご案内.md": "cp932"}
    for name, encoding in known.items():
        (tmp_path / os.fsdecode(name.encode(encoding))).write_text("x")
    assert sorted(names(list_files(tmp_path))) == sorted(known)


@pytest.mark.parametrize("kind", ["missing", "empty folder", "only hidden", "empty file", "loop"])
def test_a_source_that_is_missing_or_empty_is_refused(tmp_path, kind):
    path = tmp_path / "source"
    if kind == "empty folder":
        path.mkdir()
    elif kind == "only hidden":
        make(path, ".git/config")
    elif kind == "empty file":
        path.touch()
    elif kind == "loop":
        path.symlink_to(path)
    with pytest.raises(SourceUnreadable, match=r"Nothing was changed"):
        source_files.list_sources([path])


def test_one_folder_named_twice_is_one_source(tmp_path):
    make(tmp_path / "source", "a.md")
    (tmp_path / "link").symlink_to("source")
    listing = source_files.list_sources([tmp_path / "source", tmp_path / "link"])
    assert [root for root, _ in listing] == [tmp_path.resolve() / "source"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_skipped(tmp_path):
    make(tmp_path, "a.md", "closed/b.md")
    (tmp_path / "closed").chmod(0)
    try:
        assert "folder cannot be read" in reasons(list_files(tmp_path))["closed/"]
    finally:
        (tmp_path / "closed").chmod(stat.S_IRWXU)


def test_a_source_that_would_collide_bears_a_prefix_that_no_other_has(tmp_path):
    one, two = make(tmp_path / "x/docs", "a.md"), make(tmp_path / "y/docs", "a.md")
    taken = {"a.md", "docs/other.md"}

    first = settle_source(one, list_files(one), {}, set())
    second = settle_source(two, list_files(two), {str(one): first}, taken)

    assert not first.always
    assert second.always
    assert second.prefix == "docs-2/"
    assert list(assign_uris(list_files(two), second, taken)) == ["docs-2/a.md"]
    assert settle_source(two, list_files(two), {str(two): second}, set()) == second


def test_a_file_that_collides_later_bears_the_prefix_alone():
    source = Source(name="/kb", prefix="kb/")
    found = [SourceFile(name=name, path=Path(name)) for name in ("a.md", "b.md")]
    assert list(assign_uris(found, source, {"a.md"})) == ["kb/a.md", "b.md"]


texts = st.text(st.sampled_from("ab/.-2"), min_size=1, max_size=6)


@given(st.lists(texts, max_size=8), st.sets(texts, max_size=8), st.booleans())
def test_uris_are_unique_and_take_none_that_is_taken(found, taken, always):
    source = Source(name="/kb", prefix="kb/", always=always)
    uris = assign_uris([SourceFile(name=name, path=Path("x")) for name in found], source, taken)
    assert len(uris) == len(found)
    assert not uris.keys() & taken


def test_sources_are_remembered(tmp_path):
    groups = frozenset({"staff", "管理"})
    source = Source(name="/kb", prefix="kb/", always=True, groups=groups)
    assert sources.read_sources(tmp_path) == {}

    sources.write_sources(tmp_path, {}, [source])

    assert sources.read_sources(tmp_path) == {"/kb": source}


GROUPED = '{"sources": {"/a": {"prefix": "", "always": true, "groups": %s}}}'


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"sources": {"/a": {"prefix": 1}}}'),
        *(GROUPED % groups for groups in ('""', "{}", '[""]', '["staff", " "]', '"staff"')),
    ],
)
def test_a_damaged_memory_is_refused_for_it_holds_who_may_see_what(tmp_path, content):
    (tmp_path / sources.REMEMBERED_SOURCES).write_text(content)
    with pytest.raises(IngestError, match=r"sources\.json is damaged"):
        sources.read_sources(tmp_path)


def test_originals_are_kept_once_by_digest_and_healed(tmp_path):
    file = make(tmp_path, "a.md") / "a.md"
    originals = Originals(tmp_path / "c")

    kept = originals.keep(file, limit=1)
    originals.sync()
    before = kept.file.stat()
    again = originals.keep(file, limit=1)

    assert kept == again
    assert kept.file.read_bytes() == file.read_bytes()
    assert kept.file.name == kept.digest == digest_file(file, limit=1).digest
    assert kept.file.stat().st_mtime_ns == before.st_mtime_ns
    kept.file.write_text("flipped")
    assert originals.keep(file, limit=1).file.read_bytes() == file.read_bytes()
    assert [f.name for f in (tmp_path / "c" / "originals").iterdir()] == [kept.digest]


def test_a_file_over_the_limit_is_not_kept(tmp_path):
    (tmp_path / "big").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(Unreadable, match="larger than 1 MiB"):
        Originals(tmp_path / "c").keep(tmp_path / "big", limit=1)
