"""Pages that OCR read are kept whole, by version, as long as their document; and decide its id."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from fakes import document, publish

from indexes.store.paths import OCR_FOLDER, ORIGINALS_FOLDER
from indexes.upkeep.retention import clear_originals
from ingest.ocr_pages import (
    OCR_VERSION,
    OcrLine,
    OcrPage,
    find_ocr_folder,
    read_ocr_page,
    write_ocr_page,
)
from ingest.parse.office.recalculation_state import FORMULAS_VERSION
from ingest.versions import ReadingVersions

PDF = "application/pdf"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PAGE = OcrPage(lines=(OcrLine("营业时间 9 to 5", (1.0, 2.0, 9.0, 2.0, 9.0, 4.0, 1.0, 4.0), 0.97),))
PLAIN = ReadingVersions(options={}, tokenizer="t", split=1, parsers={PDF: 2})
WITH_OCR = replace(PLAIN, ocr=OCR_VERSION)


def test_a_page_comes_back_as_it_was_kept(tmp_path):
    write_ocr_page(tmp_path, 6, PAGE)
    assert read_ocr_page(tmp_path, 6) == PAGE
    assert read_ocr_page(tmp_path, 5) is None
    file = tmp_path / "000007.json"
    whole = file.read_text(encoding="utf-8")
    for text in (whole[:40], whole.replace('"version": 1', '"version": 0'), "[" * 100_000, ""):
        file.write_text(text, encoding="utf-8")
        assert read_ocr_page(tmp_path, 6) is None


def test_many_threads_may_keep_the_same_page_and_leave_nothing_behind(tmp_path):
    """As where the same scan is attached to two mails."""
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(write_ocr_page, tmp_path, 0, PAGE) for _ in range(400)]:
            done.result()
    assert read_ocr_page(tmp_path, 0) == PAGE
    with pytest.raises(UnicodeEncodeError):
        write_ocr_page(tmp_path, 1, OcrPage(failure="\ud800"))
    assert [file.name for file in tmp_path.iterdir()] == ["000001.json"]


def test_pages_go_with_the_document_they_are_of(tmp_path):
    collection = tmp_path / "c"
    record, chunks = document("a.md", "Opening hours")
    publish(collection, (record, chunks))
    for digest in (record.digest, "0" * 64):
        original = collection / ORIGINALS_FOLDER / digest
        original.parent.mkdir(exist_ok=True)
        original.write_bytes(b"x")
        write_ocr_page(find_ocr_folder(original, digest), 0, PAGE)
    clear_originals(collection)
    assert [folder.name for folder in (collection / OCR_FOLDER).iterdir()] == [record.digest]


def test_documents_are_read_again_once_ocr_is_there_and_stay_where_it_goes():
    assert WITH_OCR.name_for(PDF) != PLAIN.name_for(PDF)
    assert WITH_OCR.name_for("text/html") == PLAIN.name_for("text/html")
    assert WITH_OCR.list_differences(PLAIN.to_facts(), PDF) == ("OCR version 0 is now 1",)
    assert WITH_OCR.list_differences(PLAIN.to_facts(), "text/html") == ()
    assert PLAIN.list_differences(WITH_OCR.to_facts(), PDF) == ()
    alike = {reading.name_for(PDF) for reading in PLAIN.list_alike()}
    assert alike == {PLAIN.name_for(PDF), WITH_OCR.name_for(PDF)}
    assert {reading.name_for(PDF) for reading in WITH_OCR.list_alike()} == {WITH_OCR.name_for(PDF)}


def test_workbooks_are_read_again_once_libreoffice_is_there_and_stay_where_it_goes():
    plain = replace(PLAIN, parsers={XLSX: 5})
    with_calc = replace(plain, formulas=FORMULAS_VERSION)
    assert with_calc.name_for(XLSX) != plain.name_for(XLSX)
    assert with_calc.name_for(PDF) == plain.name_for(PDF)
    assert with_calc.list_differences(plain.to_facts(), XLSX) == (
        "LibreOffice for formulas, version 0, is now 1",
    )
    assert with_calc.list_differences({**plain.to_facts(), "parsers": {PDF: 2}}, PDF) == (
        "parser of application/pdf version 2 is now 0",
    )
    assert plain.list_differences(with_calc.to_facts(), XLSX) == ()
    for reading in (plain, replace(plain, ocr=OCR_VERSION)):
        alike = {other.name_for(XLSX) for other in reading.list_alike()}
        assert alike == {plain.name_for(XLSX), with_calc.name_for(XLSX)}
