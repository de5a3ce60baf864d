"""Nothing is read through a link that took the place of a file, or of a folder on its way."""

import ctypes
import os
import threading
from contextlib import contextmanager, suppress

import pytest

from ingest import source_files
from ingest.digest_cache import DigestCache
from ingest.errors import SourceUnreadable, Unreadable
from ingest.originals import Originals, digest_file
from ingest.safe_open import open_beneath, open_real_path
from ingest.source_files import SourceFile
from ingest.validity import read_sidecar

CANARY = "words of somebody else"
EXCHANGE, HERE = 2, -100  # RENAME_EXCHANGE of renameat2(2), AT_FDCWD


@pytest.fixture
def source(tmp_path):
    """A source with a folder, and beside it a stranger's folder with files of the same names."""
    for folder, words in (("kb/inner", "our own words"), ("strange", CANARY)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.md").write_text(words)
        (tmp_path / folder / "a.md.meta.toml").write_text(f"version = '{words}'")
    return (tmp_path / "kb").resolve()


def swap(source):
    """Put a link to the stranger's folder in the place of a folder that was listed."""
    (source / "inner").rename(source / ".inner")
    (source / "inner").symlink_to(source.parent / "strange")


def test_a_folder_that_became_a_link_is_not_walked_by_any_step(source, tmp_path):
    (found,) = [one for one in source_files.list_files(source) if isinstance(one, SourceFile)]
    swap(source)
    collection = tmp_path / "c"

    for read in (
        lambda: DigestCache(collection, "kb").find_digest(
            found.path, found.status, limit=1, real=found.real
        ),
        lambda: Originals(collection).keep(found.path, limit=1, real=found.real),
        lambda: digest_file(found.path, limit=1, real=found.real),
        lambda: read_sidecar(found.path, real=found.real),
    ):
        with pytest.raises(Unreadable, match="cannot be read"):
            read()

    assert not list(collection.rglob("*.*"))
    with pytest.raises(SourceUnreadable, match="a link that leads out"):
        source_files.list_files(source)


def test_a_link_within_the_source_is_read_still(source, tmp_path):
    (source / "alias.md").symlink_to("inner/a.md")
    found = {
        one.name: one for one in source_files.list_files(source) if isinstance(one, SourceFile)
    }
    kept = Originals(tmp_path / "c").keep(found["alias.md"].path, limit=1, real=True)
    assert kept.file.read_text() == "our own words"
    assert read_sidecar(found["inner/a.md"].path, real=True).version == "our own words"


@pytest.mark.parametrize("parts", [(), ("..",), ("inner", "..", "inner", "a.md"), ("inner/a.md",)])
def test_no_part_of_a_way_leads_up_or_holds_two(source, parts):
    folder = open_real_path(source, flags=os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(FileNotFoundError):
            open_beneath(folder, parts)
    finally:
        os.close(folder)


def test_a_digest_of_another_file_is_not_remembered_of_the_one_that_was_listed(source, tmp_path):
    listed = (source / "inner" / "a.md").lstat()
    other = source / "inner" / "b.md"
    other.write_text("not our words")
    other.replace(source / "inner" / "a.md")
    seen = DigestCache(tmp_path / "c", "kb")
    seen.find_digest(source / "inner" / "a.md", listed, limit=1, real=True)
    seen.save()
    assert not (tmp_path / "c").exists()


def test_a_link_in_the_place_of_our_own_files_is_not_written_through(source, tmp_path):
    originals = Originals(tmp_path / "c")
    kept = originals.keep(source / "inner" / "a.md", limit=1)
    victim = tmp_path / "victim"
    victim.write_text("stays")
    for name in (".tmp-original", kept.digest):
        (tmp_path / "c" / "originals" / name).unlink(missing_ok=True)
        (tmp_path / "c" / "originals" / name).symlink_to(victim)
    again = originals.keep(source / "inner" / "a.md", limit=1)
    assert not again.file.is_symlink()
    assert again.file.read_text() == "our own words"
    assert victim.read_text() == "stays"


@contextmanager
def swapping(one, other):
    """Exchange two names, again and again, in one step of the kernel each."""
    libc, ended = ctypes.CDLL(None, use_errno=True), threading.Event()
    names = (HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE)
    if not hasattr(libc, "renameat2") or libc.renameat2(*names):
        pytest.skip("no exchange of two names on this system")

    def work():
        while not ended.is_set():
            libc.renameat2(*names)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_whoever_swaps_folders_while_a_source_is_read_gets_nothing_in(source, tmp_path):
    (source / ".link").symlink_to(source.parent / "strange")
    collection, reads = tmp_path / "c", 0
    originals = Originals(collection)
    with swapping(source / "inner", source / ".link"):
        for _ in range(400):
            seen = DigestCache(collection, "kb")
            with suppress(Unreadable, SourceUnreadable):
                for one in source_files.list_files(source):
                    if isinstance(one, SourceFile):
                        seen.find_digest(one.path, one.status, limit=1, real=one.real)
                        assert originals.keep(one.path, limit=1, real=one.real)
                        beside_it = read_sidecar(one.link_path or one.path, real=one.real)
                        assert beside_it is None or beside_it.version != CANARY
                        reads += 1
            seen.save()
    texts = {file.read_text() for file in (collection / "originals").iterdir()}
    assert texts == {"our own words"}
    assert reads
