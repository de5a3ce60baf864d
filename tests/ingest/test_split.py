"""Splitting: exact spans, nothing lost, nothing too long, structure kept."""

import itertools
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.embedding.embedder import EmbedOptions, open_tokenizer
from ingest.document import Block, Document
from ingest.split import SplitOptions, split_document

OPTIONS = SplitOptions(max_tokens=40, window=60)  # small, so that small texts are cut


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return open_tokenizer(EmbedOptions(), tmp_path_factory.mktemp("models"))


def document(*blocks, title="Manual", gap="\n\n"):
    """Write blocks (kind, text, facts) one after the other, as a parser does."""
    text, made = "", []
    for kind, words, given_facts in blocks:
        start, facts = len(text), dict(given_facts)
        if asked := facts.pop("asked", 0):
            facts["question"] = (start, start + asked)
        made.append(Block(kind=kind, start=start, end=start + len(words), **facts))
        text += words + gap
    return Document(
        title=title, text=text, blocks=tuple(made), media_type="text/plain", language="en"
    )


def cut(doc, tokenizer, options=OPTIONS):
    return split_document(doc, uri="a.md", record_id="r", tokenizer=tokenizer, options=options)


SENTENCES = [
    "Returns are free within 30 days.",
    "Ring 0800-1234 (Mon-Fri), e.g. at noon: we pay.",
    "Nobody pays twice",
    "退款需要三个工作日，周末除外。",
    "请保留包装；否则不予退货！",
    "😀 naïve café “quoted”",
    "x" * 70,
    "ab" * 400,
    "- item one\n- item two\n  more of two\n- item three",
    "A | B\n1 | 2\n3 | 4",
    "\u200b\u00a0",
    "line one\nline two\n\nafter a blank line",
]
words = st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=12).flatmap(
    lambda parts: st.sampled_from([" ", "\n", "\n\n", ""]).map(lambda gap: gap.join(parts))
)
noise = st.text(alphabet="ab .,。\n|-\t退😀\u3000", max_size=80)
paths = st.sampled_from(
    [(), ("Returns",), ("Returns", "How"), ("退货政策",), ("T" * 300, "U" * 90)]
)


@st.composite
def documents(draw):
    blocks, page, path = [], 1, ()
    paged = draw(st.booleans())
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["paragraph", "paragraph", "list", "table", "code", "faq"]))
        if draw(st.integers(0, 2)) == 0:
            path = draw(paths)
            if path and draw(st.booleans()):
                facts = {"path": path[:-1], "page": page if paged else None}
                blocks.append(("heading", path[-1], facts))
        page += draw(st.integers(0, 1))
        text = draw(words | noise)
        facts = {"path": path, "page": page if paged else None}
        if kind == "table":
            facts["header"] = draw(st.sampled_from(["", text.split("\n")[0], "Cell | " * 90]))
        if kind == "faq":
            asked = draw(words)
            text, facts["asked"] = f"{asked}\n{text}", len(asked)
        blocks.append((kind, text, facts))
    title = draw(st.sampled_from(["Manual", "Returns", "", "A title of many words " * 30]))
    return document(*blocks, title=title, gap=draw(st.sampled_from(["\n\n", "\n", " "])))


@settings(max_examples=150)
@given(doc=documents())
def test_chunks_are_exact_ordered_and_lose_nothing(doc, tokenizer):
    chunks = cut(doc, tokenizer)
    for chunk in chunks:
        assert doc.text[chunk.start : chunk.end] == chunk.text
        assert chunk.text
        assert chunk.text == chunk.text.strip()
    for one, after in itertools.pairwise(chunks):
        assert one.end <= after.start
    taken = {i for chunk in chunks for i in range(chunk.start, chunk.end)}
    for block in doc.blocks:
        if block.kind != "heading":
            left = set(range(block.start, block.end)) - taken
            assert all(doc.text[i].isspace() for i in left)
    assert len({chunk.id for chunk in chunks}) == len(chunks)


@settings(max_examples=150)
@given(doc=documents())
def test_chunks_keep_their_limits_pages_and_sections(doc, tokenizer):
    cuts = tokenizer.token_starts(doc.text)
    for chunk in cut(doc, tokenizer):
        size = bisect_left(cuts, chunk.end) - bisect_left(cuts, chunk.start)
        assert size <= OPTIONS.max_tokens
        assert size + tokenizer.count_tokens(chunk.lead) < OPTIONS.window
        near = [b for b in doc.blocks if b.start < chunk.end and chunk.start < b.end]
        touched = [b for b in near if doc.text[b.start : b.end].strip()]
        assert {b.page for b in touched} == {chunk.page}
        assert {b.path for b in touched} == {chunk.path}
        assert chunk.section[0] <= chunk.start
        assert chunk.end <= chunk.section[1]
        if chunk.question:
            assert chunk.start <= chunk.question[0] < chunk.question[1] <= chunk.end
            assert len([b for b in touched if b.kind == "faq"]) == 1


def test_a_piece_that_begins_with_two_tokens_at_one_character_keeps_its_limit(tokenizer):
    en, zh = "Returns are free within 30 days.", "退款需要三个工作日，周末除外。"
    items = "- item one\n- item two\n  more of two\n- item three"
    text = f"{en} {zh} {zh} {zh} {en} {en} {zh} {items}"
    doc = document(("paragraph", en, {}), ("paragraph", text, {}))
    starts = tokenizer.token_starts(text)
    assert len(set(starts)) < len(starts)
    for chunk in cut(doc, tokenizer):
        assert tokenizer.count_tokens(chunk.text) <= OPTIONS.max_tokens


@settings(max_examples=75)
@given(doc=documents())
def test_every_heading_can_be_found(doc, tokenizer):
    chunks = cut(doc, tokenizer)
    for block in doc.blocks:
        if block.kind == "heading":
            name = doc.text[block.start : block.end]
            inside = any(c.start <= block.start and block.end <= c.end for c in chunks)
            assert inside or any(name in c.path or c.text in name for c in chunks)


def test_small_neighbours_share_a_chunk_and_sections_do_not(tokenizer):
    one, two = {"path": ("Pay",)}, {"path": ("Ship",)}
    doc = document(
        ("heading", "Pay", {}),
        ("paragraph", "By card.", one),
        ("paragraph", "By bank.", one),
        ("heading", "Ship", {}),
        ("paragraph", "By post.", two),
    )
    chunks = cut(doc, tokenizer)
    assert [c.text for c in chunks] == ["By card.\n\nBy bank.", "By post."]
    assert [c.lead for c in chunks] == ["Manual > Pay", "Manual > Ship"]
    assert [doc.text[slice(*c.section)] for c in chunks] == [
        "Pay\n\nBy card.\n\nBy bank.",
        "Ship\n\nBy post.",
    ]


def test_paragraphs_stay_whole_where_they_fit(tokenizer):
    long = "Eleven words make this sentence long enough for the test here. " * 2
    chunks = cut(document(*[("paragraph", long.strip(), {})] * 3), tokenizer)
    assert [c.text for c in chunks] == [long.strip()] * 3


def test_long_prose_is_cut_at_sentences_of_either_language(tokenizer):
    english = "We pay within ten days of the day on which you asked us. " * 9
    chinese = "我们收到您的退货申请之后会尽快处理。" * 9
    for text, end in ((english, "."), (chinese, "。")):
        chunks = cut(document(("paragraph", text.strip(), {})), tokenizer)
        assert len(chunks) > 2
        assert all(c.text.endswith(end) for c in chunks)
        sizes = [tokenizer.count_tokens(c.text) for c in chunks]
        assert min(sizes) > OPTIONS.max_tokens / 3
    assert {c.language for c in chunks} == {"zh"}


def test_a_table_is_cut_at_rows_under_its_header(tokenizer):
    rows = [f"E{n} | pump blocked in place {n} | call us" for n in range(12)]
    header = "Code | Meaning | Remedy"
    doc = document(("table", "\n".join([header, *rows]), {"header": header, "path": ("Errors",)}))
    chunks = cut(doc, tokenizer)
    assert "\n".join(c.text for c in chunks) == doc.text.strip()
    assert chunks[0].text.startswith(header)
    assert chunks[0].lead == "Manual > Errors"
    assert {c.lead for c in chunks[1:]} == {f"Manual > Errors\n{header}"}
    assert {c.kind for c in chunks} == {"table"}


def test_a_list_keeps_the_line_that_leads_it_in(tokenizer):
    items = "\n".join(f"- part number {n} of the machine, cleaned and dry" for n in range(9))
    letters = "We read every letter that we get, and answer each of them within a week or two,"
    letters += " whatever it is about, with pleasure."
    doc = document(
        ("paragraph", letters, {}),
        ("paragraph", "Send us back:", {}),
        ("list", items, {}),
    )
    first, second, *rest = cut(doc, tokenizer)
    assert first.text == letters
    assert second.text.startswith("Send us back:\n\n- part number 0")
    assert second.kind == "list"
    assert rest
    assert all(c.lead.endswith("Send us back:") for c in rest)
    assert all(c.text.startswith("- part number") for c in rest)


def test_an_item_of_several_lines_stays_together(tokenizer):
    items = [
        f"{n}. press the button with number {n}\n   and wait until it blinks" for n in range(9)
    ]
    chunks = cut(document(("list", "\n".join(items), {})), tokenizer)
    assert len(chunks) > 2
    assert all(c.text.endswith("blinks") for c in chunks)


def test_code_is_cut_at_lines(tokenizer):
    code = "\n".join(f"    value_{n} = compute({n})" for n in range(20))
    chunks = cut(document(("code", code, {})), tokenizer)
    assert len(chunks) > 1
    assert all(c.text.endswith(")") and c.kind == "code" for c in chunks)


def test_a_faq_entry_is_one_unit(tokenizer):
    entries = [(f"What is {n}?", f"It is the number {n}.") for n in range(3)]
    doc = document(*[("faq", f"{q}\n{a}", {"asked": len(q)}) for q, a in entries])
    chunks = cut(doc, tokenizer)
    assert [c.text for c in chunks] == [f"{q}\n{a}" for q, a in entries]
    assert [doc.text[slice(*c.question)] for c in chunks] == [q for q, _ in entries]


def test_a_long_faq_answer_is_led_by_its_question(tokenizer):
    question = "How do I descale the machine?"
    answer = "Fill the tank with the descaler and start the long programme. " * 8
    doc = document(("faq", f"{question}\n{answer.strip()}", {"asked": len(question)}))
    first, *rest = cut(doc, tokenizer)
    assert first.text.startswith(f"{question}\nFill the tank")
    assert first.question == (0, len(question))
    assert rest
    assert all(c.question is None and c.lead.endswith(question) for c in rest)


def test_a_heading_that_leads_nothing_is_a_chunk(tokenizer):
    doc = document(
        ("heading", "Guide", {}),
        ("heading", "Closed on Sundays", {"path": ("Guide",)}),
        ("heading", "Open", {"path": ("Guide",)}),
        ("paragraph", "At nine.", {"path": ("Guide", "Open")}),
        ("heading", "Write to us", {"path": ("Guide",)}),
    )
    chunks = cut(doc, tokenizer)
    assert [c.text for c in chunks] == ["Closed on Sundays", "At nine.", "Write to us"]
    assert [c.path for c in chunks] == [("Guide",), ("Guide", "Open"), ("Guide",)]


def test_the_lead_names_the_title_once_and_is_shortened_from_outside(tokenizer):
    paragraph = ("paragraph", "Text.", {"path": ("Returns", "When")})
    assert cut(document(paragraph, title="returns"), tokenizer)[0].lead == "Returns > When"
    long = ("A long chapter name " * 20, "A section", "A detail")
    chunk = cut(document(("paragraph", "Text.", {"path": long})), tokenizer)[0]
    assert chunk.lead == "A section > A detail"
    endless = ("word " * 500,)
    chunk = cut(document(("paragraph", "Text.", {"path": endless})), tokenizer)[0]
    assert 40 < tokenizer.count_tokens(chunk.lead) < OPTIONS.window


@pytest.mark.parametrize(
    "text",
    ["x" * 300_000, "- " * 60_000, "." * 60_000, "退" * 60_000, "a\n" * 60_000, "a" + " " * 99_999],
)
def test_what_has_no_structure_is_cut_all_the_same(text, tokenizer):
    chunks = cut(document(("paragraph", text, {})), tokenizer, SplitOptions())
    assert max(len(c.text) for c in chunks) <= 4 * SplitOptions().max_tokens
    assert sum(len("".join(c.text.split())) for c in chunks) == len("".join(text.split()))


def test_many_blocks_are_no_problem(tokenizer):
    blocks = [("paragraph", f"Block {n}.", {"path": (f"S{n // 50}",)}) for n in range(10_000)]
    chunks = cut(document(*blocks), tokenizer, SplitOptions())
    assert {c.path for c in chunks} == {(f"S{n}",) for n in range(200)}


def test_nothing_in_nothing_out(tokenizer):
    assert cut(document(), tokenizer) == []
    assert cut(document(("paragraph", " \n\t ", {}), title=""), tokenizer) == []


def test_other_words_for_a_question_lead_its_first_chunk_and_are_no_text(tokenizer):
    facts = {"asked": 13, "similar_questions": ("Is PayPal ok?", "By card?")}
    doc = document(("faq", "How do I pay?\nBy invoice only, thirty days.", facts))
    (chunk,) = cut(doc, tokenizer)
    assert chunk.lead == "Manual\nIs PayPal ok? / By card?"
    assert "PayPal" not in chunk.text
    long = document(("faq", "How do I pay?\n" + "By invoice only, in thirty days. " * 20, facts))
    first, *others = cut(long, tokenizer)
    assert first.lead.endswith("By card?")
    assert all(chunk.lead.endswith("How do I pay?") for chunk in others)
