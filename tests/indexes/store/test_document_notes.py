import json
from dataclasses import replace

import pytest
from fakes import HashEmbedder, document

from indexes.build import Build
from indexes.errors import IndexDamaged
from indexes.index import Index
from indexes.store.document_notes import LONGEST_NOTE, MOST_NOTES, NOTES_FILE, read_notes
from indexes.store.paths import segment_folder
from indexes.upkeep.format_check import list_segment_problems
from indexes.upkeep.verify import verify_collection


def publish(collection, *documents):
    with Build(collection, HashEmbedder()) as build:
        for record, chunks in documents:
            build.add(record, chunks)
        return build.publish()


def noted(uri, *notes):
    record, chunks = document(uri, f"The text of {uri}.\n")
    return replace(record, notes=notes), chunks


def read_all(collection):
    with Index.open(collection) as index:
        return {d.uri: index.read_notes(d) for d in index.iter_documents()}


def test_notes_come_back_as_they_were_and_no_file_is_written_without_any(tmp_path):
    publish(tmp_path, noted("a.pdf", "3 pages were not read", "两页没有文字"), noted("b.md"))
    publish(tmp_path, noted("c.md"))
    assert read_all(tmp_path) == {
        "a.pdf": ("3 pages were not read", "两页没有文字"),
        "b.md": (),
        "c.md": (),
    }
    with Index.open(tmp_path) as index:
        files = [segment_folder(tmp_path, part.digest) / NOTES_FILE for part in index.segments]
        record, _ = index.read_document(index.documents.find_by_uri("a.pdf"))
    assert sorted(file.exists() for file in files) == [False, True]
    assert record.notes == ("3 pages were not read", "两页没有文字")
    assert verify_collection(tmp_path) == []


def test_more_notes_than_anybody_reads_are_counted(tmp_path):
    publish(tmp_path, noted("a.md", *(f"note {n}" for n in range(MOST_NOTES + 5))))
    kept = read_all(tmp_path)["a.md"]
    assert len(kept) == MOST_NOTES
    assert kept[-1] == "6 more notes were not kept"


def test_a_note_too_long_or_with_half_a_character_can_be_stored(tmp_path):
    publish(tmp_path, noted("a.md", "x" * 5_000, "torn \ud800\x1b[31m\nred"))
    long, torn = read_all(tmp_path)["a.md"]
    assert len(long) == LONGEST_NOTE
    assert torn == "torn   [31m red"


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"a": []}', '{"a": [1]}', '{"a": "text"}', '{"a": ["b"], "b": ["c"]}', "null"],
)
def test_forged_notes_are_damage(tmp_path, content):
    publish(tmp_path, noted("a.md", "a note"))
    with Index.open(tmp_path) as index:
        folder = segment_folder(tmp_path, index.segments[0].digest)
    (folder / NOTES_FILE).write_text(content, encoding="utf-8")
    if json_is_ours := content.startswith('{"a": ["b"]'):
        assert len(read_notes(folder)) == 2
    else:
        with pytest.raises(IndexDamaged, match="no notes of ours"):
            read_notes(folder)
    problems = list_segment_problems(folder)
    assert any(NOTES_FILE in problem for problem in problems), (problems, json_is_ours)


def test_a_changed_note_is_found_by_its_sum(tmp_path):
    publish(tmp_path, noted("a.md", "2 pictures were not read"))
    with Index.open(tmp_path) as index:
        file = segment_folder(tmp_path, index.segments[0].digest) / NOTES_FILE
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content).replace("2 pictures", "0 pictures"), encoding="utf-8")
    with pytest.raises(IndexDamaged):
        Index.open(tmp_path)
