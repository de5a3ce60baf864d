import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest
from fakes import document
from hypothesis import given
from hypothesis import strategies as st

from indexes.chunk import Chunk, DocumentLink, DocumentRecord
from indexes.errors import IndexDamaged
from indexes.store.chunk_store import ChunkStore, ChunkStoreWriter
from indexes.store.sqlite_table import SqliteTable

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
spans = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: tuple(sorted(pair)))


@st.composite
def shelved(draw, number):
    text = draw(words)
    name = {"document": f"d{number}", "uri": draw(words), "title": draw(words)}
    record = DocumentRecord(
        id=name["document"],
        uri=name["uri"],
        title=name["title"],
        source=draw(words),
        text=text,
        media_type="text/plain",
        language=draw(st.sampled_from(["en", "zh"])),
        digest="0" * 64,
        pages=tuple(draw(st.lists(st.tuples(st.integers(), st.integers(), words), max_size=2))),
        boxes=draw(st.binary(max_size=20)),
        links=tuple(DocumentLink(n, n + 1, draw(words)) for n in range(draw(st.integers(0, 3)))),
    )
    chunks = []
    for start, end in draw(st.lists(spans, max_size=4, unique=True)):
        start, end = min(start, len(text)), min(end, len(text))  # noqa: PLW2901 - cut to fit
        chunk = Chunk(
            **name,
            text=text[start:end],
            start=start,
            end=end,
            lead=draw(words),
            path=tuple(draw(st.lists(words, max_size=2))),
            page=draw(st.none() | st.integers(1, 9)),
            section=draw(st.none() | spans),
            question=draw(st.none() | spans),
            kind=draw(st.sampled_from(["prose", "faq"])),
            language=draw(st.sampled_from(["en", "zh"])),
        )
        chunks.append(chunk)
    return record, chunks


@given(st.data())
def test_what_is_shelved_comes_back(tmp_path_factory, data):
    file = tmp_path_factory.mktemp("shelf") / "shelf.sqlite"
    held = [data.draw(shelved(number)) for number in range(data.draw(st.integers(0, 3)))]
    writer = ChunkStoreWriter(file)
    for record, chunks in held:
        writer.put_document(record, chunks)
    everything = [chunk for _, chunks in held for chunk in chunks]
    writer.finish_file()
    with ChunkStore(file) as shelf:
        rows = list(range(len(everything)))
        rows.sort(key=lambda row: row * 7919 % 13)
        assert shelf.load_chunks(rows) == [everything[row] for row in rows]
        first = 0
        for record, chunks in held:
            assert shelf.load_record(record.id) == record
            assert shelf.load_text(record.id) == record.text
            assert shelf.load_links(record.id, 1, 2) == record.links[1:2]
            assert list(shelf.iter_chunks_of(record.id)) == list(enumerate(chunks, start=first))
            for row in range(first, first + len(chunks)):
                own = range(first, first + len(chunks))
                assert shelf.neighbour_rows(row, 1) == [
                    n for n in (row - 1, row, row + 1) if n in own
                ]
            first += len(chunks)
        for chunk in everything:
            assert everything[shelf.find_chunk_row(chunk.id)].id == chunk.id


@pytest.fixture
def file(tmp_path):
    writer = ChunkStoreWriter(tmp_path / "shelf.sqlite")
    for number in range(50):
        writer.put_document(
            *document(f"{number}.md", "\n".join(f"line {number} {i}" for i in range(20)))
        )
    writer.note_vectors({bytes([i]) * 16: i for i in range(20)})
    writer.note_vectors({bytes([20]) * 16: 20})
    writer.finish_file()
    return tmp_path / "shelf.sqlite"


def test_unknown_names_are_told_apart_from_damage(file):
    with ChunkStore(file) as shelf:
        assert shelf.find_chunk_row("nobody") is None
        assert shelf.find_vector_rows([b"\x14" * 16, b"z" * 16]) == {b"\x14" * 16: 20}
        assert list(shelf.iter_chunks_of("nobody")) == []
        for ask in (shelf.load_record, shelf.load_text):
            with pytest.raises(KeyError):
                ask("nobody")
        with pytest.raises(KeyError):
            shelf.load_chunks([1_000])


def test_more_rows_than_a_statement_takes(file):
    with ChunkStore(file) as shelf:
        rows = list(range(999, -1, -1))
        assert [c.text for c in shelf.load_chunks(rows)][-1] == "line 0 0"


def test_threads_share_a_shelf(file):
    with ChunkStore(file) as shelf, ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda row: shelf.load_chunks([row])[0].text, range(1_000)))
    assert texts == [f"line {row // 20} {row % 20}" for row in range(1_000)]


def test_a_shelf_cannot_be_written_to(file):
    with ChunkStore(file) as shelf, pytest.raises(OSError, match="readonly"):
        shelf._table.fetch_all("DELETE FROM chunks", ())


def test_damage_that_sqlite_sees_is_named(file):
    content = bytearray(file.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    file.write_bytes(content)
    with ChunkStore(file) as shelf, pytest.raises(IndexDamaged, match=r"shelf\.sqlite"):
        shelf.load_chunks(range(1_000))


def test_a_missing_shelf_is_not_made(tmp_path):
    with pytest.raises(IndexDamaged, match="cannot be opened"):
        ChunkStore(tmp_path / "none.sqlite")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_os_error(tmp_path):
    writer = ChunkStoreWriter(tmp_path / "shelf.sqlite")
    writer._base.execute("PRAGMA max_page_count = 20")
    held = [document(f"{number}.md", "word " * 300) for number in range(200)]
    with pytest.raises(OSError, match="full"):
        [writer.put_document(*one) for one in held]
    writer.close()


def test_the_file_has_no_journal_beside_it(file):
    assert [f.name for f in file.parent.iterdir()] == ["shelf.sqlite"]
    base = sqlite3.connect(file)
    assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    base.close()


def test_languages_are_read_row_by_row_and_a_damaged_row_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("indexes.store.sqlite_table._ROWS", 2)
    writer = ChunkStoreWriter(tmp_path / "shelf.sqlite")
    wanted = []
    for n, language in enumerate(("en", "zh", "", "fr", "en")):
        record, chunks = document(f"{n}.md", f"words {n}")
        writer.put_document(record, [replace(chunk, language=language) for chunk in chunks])
        wanted += [language] * len(chunks)
    writer.finish_file()
    with ChunkStore(tmp_path / "shelf.sqlite") as store:
        monkeypatch.setattr(SqliteTable, "fetch_all", lambda *_: pytest.fail("all at once"))
        assert list(store.iter_languages()) == wanted
    with closing(sqlite3.connect(tmp_path / "shelf.sqlite")) as base:
        base.execute("UPDATE chunks SET facts = '{' WHERE row = 3")
        base.commit()
    with (
        ChunkStore(tmp_path / "shelf.sqlite") as store,
        pytest.raises(IndexDamaged, match=r"shelf\.sqlite cannot be read"),
    ):
        list(store.iter_languages())
