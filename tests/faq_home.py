"""A collection of FAQ entries: an open list, one for staff, and a Chinese one."""

from dataclasses import replace
from pathlib import Path

from fakes import HashEmbedder, document

from indexes.build import Build

ASKED = [f"Question {n} of the FAQ?" for n in range(8)]
STAFF_QUESTION = "Where is the canary?"
ZH_QUESTION = "几点营业？"


def publish_faq(home: Path, collection: str = "faq") -> dict[str, str]:
    """Publish the entries; return the chunk of each question."""
    folder = home / "collections" / collection
    folder.parent.mkdir(parents=True, exist_ok=True)
    entries = {
        "faq.csv": (ASKED, "en", frozenset()),
        "staff.csv": ([STAFF_QUESTION], "en", frozenset({"staff"})),
        "zh.csv": ([ZH_QUESTION], "zh", frozenset()),
    }
    chunk_ids = {}
    with Build(folder, HashEmbedder()) as build:
        for uri, (questions, language, groups) in entries.items():
            text = "\n\n".join(f"{q}\nThe answer to it is {n}." for n, q in enumerate(questions))
            record, chunks = document(uri, text, source="api", language=language, groups=groups)
            starts = [text.index(question) for question in questions]
            ends = [start - 2 for start in starts[1:]] + [len(text)]
            faq = [
                replace(
                    chunks[0],
                    text=text[start:end],
                    start=start,
                    end=end,
                    kind="faq",
                    question=(start, start + len(question)),
                )
                for question, start, end in zip(questions, starts, ends, strict=True)
            ]
            chunk_ids |= {q: chunk.id for q, chunk in zip(questions, faq, strict=True)}
            build.add(record, faq)
        build.publish()
    return chunk_ids
