"""Check sentences against passages of the other language: translations, and the nearest wrong ones.

    python -m tests.lab.quality.foreign --xquad DIR [--write]

XQuAD's paragraphs are the same in English and Chinese. Each sentence of one is a claim, checked
against its own paragraph in the other language; against the paragraph of the same article that
bears it best; and, with a number raised by one or a denial put in or taken out, against its own.
Half of the articles, and both directions. Writes "Evidence in the other language" of RESULTS.md.
"""

import argparse
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes.chunk import Chunk, Passage
from indexes.embedding.background import open_background
from indexes.embedding.embedder import Embedder
from indexes.text.sentences import split_sentences
from ragdesk.answering.answer import ClaimVerdict
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.foreign_evidence import ForeignEvidenceReader
from ragdesk.answering.writing.writing_options import VerifyOptions
from tests.lab.open_sets import embedder as open_remembering
from tests.lab.results import write_section

SHORTEST = {"en": 30, "zh": 12}  # characters of a claim
NEGATED = [
    (" is ", " is not "), (" are ", " are not "), (" was ", " was not "), (" were ", " were not "),
    (" can ", " cannot "), ("可以", "不可以"), ("能", "不能"), ("是", "不是"), ("有", "没有"),
]  # fmt: skip
KINDS = ("translation", "nearest wrong passage", "number changed", "negated")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check. kind: out of ``KINDS``. verdict, support: what came of it."""

    language: str
    kind: str
    verdict: ClaimVerdict
    support: float


def read_paragraphs(folder: Path, language: str, most: int) -> list[list[str]]:
    """Return the paragraphs of half of the articles, by article. most: articles."""
    data = json.loads((folder / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    return [
        [paragraph["context"] for paragraph in article["paragraphs"]]
        for number, article in enumerate(data)
        if hashlib.sha256(str(number).encode()).digest()[0] % 2 == 0
    ][:most]


def make_passage(text: str, language: str) -> Passage:
    """Make a passage of a whole paragraph."""
    chunk = Chunk(
        document="d", uri="a", title="", text=text, start=0, end=len(text), language=language
    )
    return Passage(chunk=chunk, score=1.0)


def corrupt_claim(claim: str) -> Iterator[tuple[str, str]]:
    """Yield what becomes of a claim with one thing changed, and the kind of change."""
    number = re.search(r"(?<![\d.,:-])\d{1,4}(?![\d.,:-])", claim)
    if number:
        changed = str(int(number[0]) + 1)
        yield "number changed", f"{claim[: number.start()]}{changed}{claim[number.end() :]}"
    for plain, negated in NEGATED:
        if negated in claim:
            yield "negated", claim.replace(negated, plain, 1)
            return
        if plain in claim:
            yield "negated", claim.replace(plain, negated, 1)
            return


def check_direction(
    check: ClaimChecker, claims: list[list[str]], evidence: list[list[str]], language: str
) -> Iterator[Outcome]:
    """Check the claims of one language against the paragraphs of the other."""
    other = "zh" if language == "en" else "en"
    for own_texts, other_texts in zip(claims, evidence, strict=True):
        passages = [make_passage(text, other) for text in other_texts]
        for place, text in enumerate(own_texts):
            start, end = split_sentences(text)[0]
            claim = text[start:end]
            if len(claim) < SHORTEST[language]:
                continue
            statements = [("translation", check(claim, [passages[place]], claim))]
            wrong = [check(claim, [p], claim) for i, p in enumerate(passages) if i != place]
            statements.append(("nearest wrong passage", max(wrong, key=lambda s: s.support)))
            statements += [
                (kind, check(changed, [passages[place]], changed))
                for kind, changed in corrupt_claim(claim)
            ]
            for kind, statement in statements:
                verdict = statement.verdict or ClaimVerdict.UNSUPPORTED
                yield Outcome(language, kind, verdict, statement.support)


def table(outcomes: Sequence[Outcome]) -> str:
    """Write the shares that pass as Markdown."""
    rows = ["| claims | kind | checked | pass | support, median |", "|---|---|---|---|---|"]
    for language in ("en", "zh"):
        for kind in KINDS:
            some = [o for o in outcomes if (o.language, o.kind) == (language, kind)]
            passed = sum(o.verdict is not ClaimVerdict.UNSUPPORTED for o in some)
            median = float(np.median([o.support for o in some]))
            rows.append(
                f"| {language} | {kind} | {len(some)} | {passed / len(some):.2f} | {median:.2f} |"
            )
    return "\n".join(rows)


def measure(folder: Path, embedder: Embedder, cache: Path, most: int) -> list[Outcome]:
    """Check in both directions."""
    foreign = ForeignEvidenceReader(embedder=embedder, background=open_background(embedder, cache))
    check = ClaimChecker(options=VerifyOptions(), idf=lambda _: 1.0, foreign=foreign)
    texts = {language: read_paragraphs(folder, language, most) for language in ("en", "zh")}
    return [
        *check_direction(check, texts["en"], texts["zh"], "en"),
        *check_direction(check, texts["zh"], texts["en"], "zh"),
    ]


def main() -> None:
    """Measure, print, and write the section if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xquad", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=Path("var/foreign"), help="keeps the model")
    parser.add_argument("--articles", type=int, default=48, help="of the half, at most")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    embedder = open_remembering(given.home)
    body = table(measure(given.xquad, embedder, given.home / "models", given.articles))
    print(body)
    if given.write:
        command = "python -m tests.lab.quality.foreign --xquad DIR --write"
        write_section("Evidence in the other language", command, body)


if __name__ == "__main__":
    main()
