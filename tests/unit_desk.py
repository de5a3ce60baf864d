"""Small documents, parsed and split as an ingest does: their units, and a desk that answers."""

import asyncio
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from fakes import CARD, HashEmbedder

from indexes.build import Build
from indexes.chunk import Chunk, DocumentRecord, Passage
from indexes.index import Index
from ingest.parse.registry import parse_document
from ingest.split import SplitOptions, split_document
from ragdesk.answering.answer import Answer, Question
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.desk import Desk
from ragdesk.answering.reading.answer_units import AnswerUnit, split_units
from ragdesk.answering.retrieval.retriever import Retriever

EMBEDDER = HashEmbedder(CARD)


def take_in(uri: str, body: str | bytes) -> tuple[DocumentRecord, list[Chunk]]:
    """Parse and split a file as an ingest does."""
    raw = body.encode() if isinstance(body, str) else body
    document = parse_document(raw, uri)
    chunks = split_document(
        document, uri=uri, record_id=uri, tokenizer=EMBEDDER, options=SplitOptions()
    )
    record = DocumentRecord(
        id=uri,
        uri=uri,
        source="s",
        title=document.title,
        text=document.text,
        media_type=document.media_type,
        language=document.language,
        digest=uri,
        links=document.links,
    )
    return record, chunks


def read_units(uri: str, body: str | bytes) -> list[AnswerUnit]:
    """Return the units of a file, and hold that each is quoted exactly."""
    record, chunks = take_in(uri, body)
    units = [
        unit
        for rank, chunk in enumerate(chunks)
        for unit in split_units(Passage(chunk=chunk, score=1.0), rank, record.text)
    ]
    for unit in units:
        assert list(unit.spans) == sorted(unit.spans)
        for start, end in unit.spans:
            assert record.text[start:end].strip() == record.text[start:end] in unit.text
    return units


@contextmanager
def open_desk(folder: Path, files: Mapping[str, str | bytes]):
    """Yield a function that asks a desk over some files; it answers whatever it is asked."""
    with Build(folder, EMBEDDER) as build:
        for uri, body in files.items():
            build.add(*take_in(uri, body))
        build.publish()
    with Index.open(folder, card=CARD) as index:
        desk = Desk(
            retrieve=Retriever(index=index, embedder=EMBEDDER),
            collection="c",
            decide=DecideOptions(floor=0.0),
        )

        def ask(question: str) -> Answer:
            answer = asyncio.run(desk.ask(Question(text=question)))
            for mark in answer.citations:
                stored = index.read_text(mark.uri) or ""
                assert stored[mark.start : mark.end] == mark.quote
            return answer

        yield ask
