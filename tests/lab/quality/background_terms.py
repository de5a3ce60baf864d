"""Count how common tokens are in general text, and write the table that BM25 begins from.

    python -m tests.lab.quality.background_terms SOURCE… [--write]

A source is a folder of Markdown files, a file of reading comprehension in SQuAD's shape (its
paragraphs are one source, its questions another), a CSV or a JSON file of short questions. Each
is cut into entries of about a chunk's length, and sources of one script count alike, whatever
their size. Kept are numbers alone: of each token that stands in a share of entries, how large
that share is. Nothing of a sentence is kept.
"""

import argparse
import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from indexes.lexical.background import BACKGROUND_FILE
from indexes.text.scripts import detect_language
from indexes.text.tokens import STOPWORDS, is_han_pair, tokenize_text

ENTRY_LENGTH = {"en": 700, "zh": 300}  # characters
LEAST_SHARE = {"en": 0.0002, "zh": 0.002}
LEAST_ENTRIES = {"en": 3, "zh": 6}  # a token of fewer is the source's own
# A pair of Han characters in one source is a subject's, or a seam; an English word is a word, and
# must be known for it not to be taken for a typo of another.
LEAST_SOURCES = {"en": 1, "zh": 2}


def cut_text(text: str) -> Iterator[str]:
    """Yield pieces of a text, of about a chunk's length each."""
    piece = ""
    for line in text.splitlines():
        piece += line.strip() + "\n"
        if len(piece) >= ENTRY_LENGTH[_language(piece)]:
            yield piece
            piece = ""
    if piece.strip():
        yield piece


def _language(text: str) -> str:
    return "zh" if detect_language(text) == "zh" else "en"


def read_sources(path: Path) -> Iterator[list[str]]:
    """Yield the entries of each source in a path."""
    if path.is_dir():
        files = sorted(path.rglob("*.md"))
        yield [piece for file in files for piece in cut_text(file.read_text(encoding="utf-8"))]
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as rows:
            yield [row[0] for row in csv.reader(rows) if row][1:]
    else:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "train" in content:
            yield [question for question, _ in content["train"]]
            return
        paragraphs = [p for article in content["data"] for p in article["paragraphs"]]
        yield [piece for p in paragraphs for piece in cut_text(p["context"])]
        yield [asked["question"] for p in paragraphs for asked in p["qas"]]


def count_shares(sources: list[list[str]]) -> dict[str, dict[str, float]]:
    """Return, per language, the share of entries that hold a token: the mean over its sources."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    spread: dict[str, Counter[str]] = defaultdict(Counter)
    count: Counter[str] = Counter()
    for entries in sources:
        language = _language(" ".join(entries[:50]))
        count[language] += 1
        holders = Counter(token for entry in entries for token in set(tokenize_text(entry)))
        for token, number in holders.items():
            if number >= LEAST_ENTRIES[language]:
                totals[language][token] += number / len(entries)
                spread[language][token] += 1
    return {
        language: {
            token: share / count[language]
            for token, share in shares.items()
            if spread[language][token] >= LEAST_SOURCES[language] and _belongs(token, language)
        }
        for language, shares in totals.items()
    }


def _belongs(token: str, language: str) -> bool:
    """Tell whether a token is a word of a language, or a character or pair of Han."""
    if language == "zh":
        return (len(token) == 1 and not token.isascii()) or is_han_pair(token)
    return token.isascii() and token.isalpha() and (len(token) > 1 or token in STOPWORDS)


def format_table(shares: dict[str, dict[str, float]]) -> str:
    """Return the table's lines: a share in thousandths, then the tokens that have it, sorted."""
    by_share: dict[int, list[str]] = defaultdict(list)
    for language, tokens in shares.items():
        for token, share in tokens.items():
            if share >= LEAST_SHARE[language]:
                by_share[_round(share)].append(token)
    return "".join(
        f"{share} {' '.join(sorted(by_share[share]))}\n" for share in sorted(by_share, reverse=True)
    )


def _round(share: float) -> int:
    """Return a share in thousandths, of two digits."""
    thousandths = max(share * 1000, 1.0)
    return round(thousandths) if thousandths < 100 else 10 * round(thousandths / 10)


def main() -> None:
    """Print how large the table is, and write it if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    sources = [entries for path in options.sources for entries in read_sources(path)]
    shares = count_shares(sources)
    table = format_table(shares)
    print({language: len(tokens) for language, tokens in shares.items()})
    print(len(sources), "sources,", len(table.encode()), "bytes,", len(table.split()), "tokens")
    if options.write:
        BACKGROUND_FILE.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
