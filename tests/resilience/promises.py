"""Produce the figures of the promises P6, P8 and P9, and write them to tests/resilience/RESILIENCY.md.

python -m tests.resilience.promises --histories 200
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from indexes.build import Build
from indexes.errors import IndexMismatch
from indexes.index import Index
from indexes.store import manifest
from indexes.store.segments import CANARY_TEXT
from indexes.upkeep import verify
from indexes.upkeep.compaction import MergePolicy
from ragdesk.assemble import EXTRA_FILES
from tests.fakes import CARD, HashEmbedder, document, publish
from tests.lab.results import write_section
from tests.resilience.kills import ROOT

FIXTURES = ROOT / "tests" / "fixtures"
MERGES: tuple[MergePolicy, ...] = ("none", "small", "due", "all")
URIS = [f"{n % 3}/{n}.md" for n in range(9)]
Held = dict[str, tuple[str, frozenset[str]]]


@dataclass
class Histories:
    """Steps taken, and how often a collection was not what a dictionary said."""

    steps: int = 0
    divergences: int = 0


def step(collection: Path, documents: Held, dice: np.random.Generator) -> None:
    """Add, replace, remove and regroup at random, in the collection and in the dictionary."""
    added: Held = {}
    for uri in dice.choice(URIS, int(dice.integers(0, 4)), replace=False).tolist():
        lines = (f"words {dice.integers(5)} of {uri}" for _ in range(int(dice.integers(1, 4))))
        added[uri] = ("\n".join(lines), _groups(dice))
    left = [uri for uri in documents if uri not in added]
    gone = [uri for uri in left if dice.random() < 0.2]
    new = {uri: _groups(dice) for uri in left if uri not in gone and dice.random() < 0.2}
    with Build(collection, HashEmbedder()) as build:
        known = {d.uri: d.id for d in build.base.iter_documents()} if build.base else {}
        for uri, (text, groups) in added.items():
            build.add(*document(uri, text, groups=groups))
        build.publish(
            removed=[known[uri] for uri in gone],
            groups={known[uri]: groups for uri, groups in new.items()},
            merge=MERGES[int(dice.integers(len(MERGES)))],
        )
    for uri in gone:
        del documents[uri]
    documents.update({uri: (documents[uri][0], groups) for uri, groups in new.items()})
    documents.update(added)


def _groups(dice: np.random.Generator) -> frozenset[str]:
    return frozenset(name for name in ("staff", "legal") if dice.random() < 0.3)


def histories(folder: Path, count: int, *, seed: int, steps: int = 8) -> Histories:
    """Live through so many histories, compare after each step and verify at the end."""
    outcome = Histories()
    for number in range(count):
        dice = np.random.default_rng([seed, number])
        documents = Held()
        collection = folder / "c"
        for _ in range(steps):
            step(collection, documents, dice)
            with Index.open(collection) as index:
                there = {d.uri: (index.read_text(d.uri), d.groups) for d in index.iter_documents()}
                words = {c.text for c in index.read_chunks(np.flatnonzero(index._live.chunks))}
            outcome.steps += 1
            wanted = {line for text, _ in documents.values() for line in text.split("\n")}
            outcome.divergences += there != documents or words != wanted
        outcome.divergences += bool(verify.verify_collection(collection, extra_files=EXTRA_FILES))
        shutil.rmtree(collection)
    return outcome


def mismatches(folder: Path) -> Iterator[tuple[str, bool]]:
    """Ask an index with every other embedder; tells whether each was refused."""
    publish(folder / "c", document("a.md", "words"))
    others = {
        "another model": replace(CARD, name="other"),
        "another revision": replace(CARD, revision="2"),
        "another dimension": replace(CARD, dim=32),
        "not normalised": replace(CARD, normalised=False),
        "another prefix of questions": replace(CARD, query_prefix="query: "),
        "another prefix of passages": replace(CARD, passage_prefix="passage: "),
    }
    for name, card in others.items():
        try:
            Index.open(folder / "c", card=card).close()
            yield name, False
        except IndexMismatch:
            yield name, True
    with Index.open(folder / "c") as index:
        try:
            index.check_canary(np.roll(HashEmbedder().embed_query(CANARY_TEXT), 1))
            yield "another model under the same name (canary)", False
        except IndexMismatch:
            yield "another model under the same name (canary)", True


def formats(folder: Path) -> list[str]:
    """Open a fixture of every format; one of the future must be refused."""
    lines = []
    for fixture in sorted(FIXTURES.glob("format-*")):
        shutil.copytree(fixture, folder / fixture.name)
        with Index.open(folder / fixture.name) as index:
            lines.append(
                f"{fixture.name}: opened, {sum(1 for _ in index.iter_documents())} documents"
            )
    for file in (folder / fixture.name).glob("generations/*/MANIFEST.json"):
        facts = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(
            json.dumps({**facts, "min_reader": manifest.MANIFEST_FORMAT + 1}), encoding="utf-8"
        )
    try:
        Index.open(folder / fixture.name).close()
        lines.append(f"format-{manifest.MANIFEST_FORMAT + 1}: OPENED")
    except IndexMismatch:
        lines.append(
            f"format-{manifest.MANIFEST_FORMAT + 1}, which nobody has written yet: refused"
        )
    return lines


def main() -> None:
    """Run all, print, and write the sections."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261123)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        lived = histories(Path(place, "h"), options.histories, seed=options.seed)
        refused = dict(mismatches(Path(place, "m")))
        read = formats(Path(place))
    rows = "\n".join(f"| {name} | {'refused' if no else 'TAKEN'} |" for name, no in refused.items())
    sections = {
        "P6: what was deleted or changed is gone": f"""
{options.histories} histories of documents added, replaced, removed, regrouped and merged at random;
after each of {lived.steps:,} publishes every document, its groups and every chunk that can be
found are held against a dictionary, and each history ends with `ragdesk indexes verify`.
Divergences: {lived.divergences}.""",
        "P8: every format can be read": "\n".join(f"- {line}" for line in read),
        "P9: another embedder's index is refused": f"| asked with | |\n|---|---|\n{rows}",
    }
    command = (
        f"python -m tests.resilience.promises --histories {options.histories} --seed {options.seed}"
    )
    for heading, text in sections.items():
        print(f"\n## {heading}\n\n{text}")
        write_section(heading, command, text, file=ROOT / "tests" / "resilience" / "RESILIENCY.md")


if __name__ == "__main__":
    main()
