"""Measure how often the answer cache takes one question for another, on pairs of questions.

    python -m tests.lab.quality.cache_pairs FILE.jsonl … [--list] [--vectors] [--write]

FILE: pairs, one a line, {"a", "b", "same", "lang", "kind"}; same: whether one answer is right for
both. Prints by language and kind how many of the same are taken for the same (hits), and how many
of the others (false hits), with intervals, as the setting ``rewordings`` has it and as without
it; and what the comparison costs. ``--list`` prints the false hits. ``--vectors`` says what
the cosine of the packaged model would do in its place: the hits at the floor that has no more false
hits, and the false hits at .95. ``--write`` writes "Answer cache: pairs" of RESULTS.md.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eval.stats import estimate_proportion
from ragdesk.answering.answer_cache.cache_rules import normalise_question
from ragdesk.answering.answer_cache.near_question import reduce_question
from ragdesk.assemble import Workspace
from ragdesk.settings import Settings
from tests.lab.results import write_section

HIGH_COSINE = 0.95


@dataclass(frozen=True, slots=True)
class QuestionPair:
    """Two questions, and whether one answer is right for both."""

    a: str
    b: str
    same: bool
    lang: str
    kind: str


def read_pairs(files: Sequence[Path]) -> list[QuestionPair]:
    """Read pairs of questions."""
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [json.loads(line) for line in lines if line.strip()]
    return [QuestionPair(**{name: row[name] for name in QuestionPair.__slots__}) for row in rows]


def is_rewording(a: str, b: str) -> bool:
    """Tell whether the cache takes two questions for one, where rewordings are on."""
    if normalise_question(a) == normalise_question(b):
        return True
    meaning = reduce_question(a)
    return meaning is not None and meaning == reduce_question(b)


def is_exact(a: str, b: str) -> bool:
    """Tell whether the cache takes two questions for one by default."""
    return normalise_question(a) == normalise_question(b)


def print_shares(pairs: Sequence[QuestionPair], takes: Callable[[str, str], bool]) -> None:
    """Print hits and false hits by language, and by kind."""
    groups = defaultdict[tuple[str, bool, str], list[bool]](list)
    for pair in pairs:
        for kind in ("all", pair.kind):
            groups[pair.lang, pair.same, kind].append(takes(pair.a, pair.b))
    for (lang, same, kind), taken in sorted(groups.items(), key=lambda item: str(item[0])):
        share = estimate_proportion([float(taken_one) for taken_one in taken])
        name = "hits" if same else "false hits"
        print(f"  {lang} {name:10} {kind:24} {sum(taken):5} of {len(taken):5}: {share}")


def write_shares(pairs: Sequence[QuestionPair], files: Sequence[Path]) -> None:
    """Write the shares of each language and way of comparing down."""
    rows = [
        "| questions taken for one | language | hits, of the same | false hits, of the others |"
    ]
    rows.append("| --- | --- | --- | --- |")
    for name, takes in (("exact (default)", is_exact), ("rewordings", is_rewording)):
        for lang in sorted({pair.lang for pair in pairs}):
            cells = []
            for same in (True, False):
                taken = [takes(p.a, p.b) for p in pairs if p.lang == lang and p.same == same]
                share = estimate_proportion([float(taken_one) for taken_one in taken])
                cells.append(f"{sum(taken)} of {len(taken)}: {share}")
            rows.append(f"| {name} | {lang} | {cells[0]} | {cells[1]} |")
    about = f"{len(pairs)} pairs by fresh eyes ({', '.join(file.stem for file in files)})."
    command = "python -m tests.lab.quality.cache_pairs FILE… --write"
    write_section("Answer cache: pairs", command, "\n".join([about, "", *rows]))


def print_vectors(pairs: Sequence[QuestionPair]) -> None:
    """Print what cosines of the packaged model would do."""
    with tempfile.TemporaryDirectory() as home:
        embedder = Workspace(Path(home), Settings()).embedders.open_configured()
        if embedder is None:
            raise AssertionError("no embedder")
        vectors = [(embedder.embed_query(p.a), embedder.embed_query(p.b)) for p in pairs]
    cosines = np.array([0.0 if a is None or b is None else float(a @ b) for a, b in vectors])
    same = np.array([pair.same for pair in pairs])
    others = np.sort(cosines[~same])
    for most in (0.0, 0.005):
        floor = others[-1 - int(most * len(others))]
        share = float((cosines[same] > floor).mean())
        print(f"  cosine above {floor:.4f} (false hits {most:.1%}): hits {share:.3f}")
    print(f"  false hits at {HIGH_COSINE}: {float((others >= HIGH_COSINE).mean()):.3f}")


def print_cost(pairs: Sequence[QuestionPair]) -> None:
    """Print what it takes to reduce a question, in microseconds of a processor."""
    times = []
    for text in [text for pair in pairs for text in (pair.a, pair.b)]:
        begun = time.thread_time()
        reduce_question(text)
        times.append(1e6 * (time.thread_time() - begun))
    times.sort()
    median, late = statistics.median(times), times[int(0.99 * len(times))]
    print(f"  a question reduced in {median:.0f} µs (median), {late:.0f} µs (99 %)")


def main() -> None:
    """Read the command line, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--vectors", action="store_true")
    parser.add_argument("--write", action="store_true", help="write the shares to RESULTS.md")
    given = parser.parse_args()
    pairs = read_pairs(given.files)
    for name, takes in (("exact", is_exact), ("rewordings", is_rewording)):
        print(name)
        print_shares(pairs, takes)
    print_cost(pairs)
    if given.write:
        write_shares(pairs, given.files)
    if given.vectors:
        print_vectors(pairs)
    if given.list:
        for pair in pairs:
            if not pair.same and is_rewording(pair.a, pair.b):
                print(f"FALSE HIT {pair.lang} {pair.kind}: {pair.a!r} / {pair.b!r}")


if __name__ == "__main__":
    main()
