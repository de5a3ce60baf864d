"""Measure how personal data is found in sentences of ours, and what is taken for it.

    python -m tests.lab.quality.redaction [--list] [--json FILE] [--write]

200 sentences with personal data and 200 with look-alikes of each language, by two seeds: the first
fills sentences that were read while the detector was built, the second those that were written
before it. An item is found when all of it is covered (80 % of an address). Precision: of all that
was redacted, the share that touches personal data. Intervals of 95 % (Wilson). ``--list`` prints
what was missed or wrongly redacted, of the first seed alone. ``--write`` writes the section
"Redaction" of RESULTS.md.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.stats import compute_wilson_interval
from indexes.text.redaction.personal_span import PERSONAL_KINDS, PersonalSpan
from indexes.text.redaction.redaction import RedactionOptions, redact_text
from tests.lab.quality.redaction_items import SENTENCES, Item, ItemWriter
from tests.lab.results import write_section

PARTS = ((1, "open"), (2, "closing"))
ADDRESS_SHARE = 0.8  # of an address that must be covered


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """An item with what was redacted of it."""

    item: Item
    spans: tuple[PersonalSpan, ...]

    @property
    def missed(self) -> list[PersonalSpan]:
        """Personal data that still stands there."""
        return [span for span in self.item.spans if not self._is_covered(span)]

    @property
    def wrong(self) -> list[PersonalSpan]:
        """Redacted spans that touch no personal data."""
        return [span for span in self.spans if not any(_overlap(span, s) for s in self.item.spans)]

    def _is_covered(self, span: PersonalSpan) -> bool:
        covered = sum(_overlap(span, other) for other in self.spans)
        least = ADDRESS_SHARE if span.kind == "address" else 1.0
        return covered >= least * (span.end - span.start)


def _overlap(one: PersonalSpan, other: PersonalSpan) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def judge_items(items: Sequence[Item]) -> list[JudgedItem]:
    """Redact every sentence."""
    options = RedactionOptions()
    return [JudgedItem(item, redact_text(item.text, options).spans) for item in items]


def format_share(good: int, of: int) -> str:
    """Write a share with its interval."""
    if not of:
        return "–"
    estimate = compute_wilson_interval(good / of, of)
    return f"{good / of:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] ({of})"


def summarise(judged: Sequence[JudgedItem], language: str) -> dict[str, object]:
    """Count what was found and what was redacted, of one language."""
    own = [j for j in judged if j.item.language == language]
    wanted = [span for j in own for span in j.item.spans]
    missed = [span for j in own for span in j.missed]
    redacted = sum(len(j.spans) for j in own)
    wrong = sum(len(j.wrong) for j in own)
    look_alikes = [j for j in own if not j.item.is_personal]
    return {
        "recall": format_share(len(wanted) - len(missed), len(wanted)),
        "precision": format_share(redacted - wrong, redacted),
        "look-alikes untouched": format_share(
            sum(not j.spans for j in look_alikes), len(look_alikes)
        ),
        **{
            kind: format_share(
                sum(s.kind == kind for s in wanted) - sum(s.kind == kind for s in missed),
                sum(s.kind == kind for s in wanted),
            )
            for kind in PERSONAL_KINDS
        },
    }


def time_megabyte() -> float:
    """Measure the CPU seconds that 1,000,000 characters of such sentences take."""
    text = "\n".join(item.text for item in ItemWriter(1).write_items(SENTENCES / "open.txt"))
    text = text * (1_000_000 // len(text) + 1)
    started = time.process_time()
    redact_text(text[:1_000_000], RedactionOptions())
    return time.process_time() - started


def main() -> None:
    """Make, redact, print, write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", choices=[name for _, name in PARTS])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="write the section of RESULTS.md")
    args = parser.parse_args()
    rows = {}
    for seed, name in PARTS:
        if args.only in (None, name):
            judged = judge_items(ItemWriter(seed).write_items(SENTENCES / f"{name}.txt"))
            for language in ("en", "zh"):
                rows[f"{name} sentences, {language}, seed {seed}"] = summarise(judged, language)
            if args.list and name == "open":
                print_faults(judged)
    heads = list(next(iter(rows.values())))
    table = "\n".join(
        [
            f"| sentences | {' | '.join(heads)} |",
            f"|{' --- |' * (len(heads) + 1)}",
            *(f"| {name} | {' | '.join(map(str, row.values()))} |" for name, row in rows.items()),
        ]
    )
    body = f"{table}\n\n1,000,000 characters of such sentences take {time_megabyte():.1f} s of one core."
    print(body)
    if args.json:
        args.json.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    if args.write:
        write_section("Redaction", "python -m tests.lab.quality.redaction --write", body)


def print_faults(judged: Sequence[JudgedItem]) -> None:
    """Print what was missed and what was wrongly redacted."""
    for j in judged:
        text = j.item.text
        for word, spans in (("missed", j.missed), ("wrong", j.wrong)):
            for span in spans:
                print(f"{word} {span.kind} {text[span.start : span.end]!r} in {text!r}")


if __name__ == "__main__":
    main()
