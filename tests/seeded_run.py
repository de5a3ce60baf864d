"""A seeded run, made without any engine: cases, trials and documents for the ruler to measure."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval import case as cases_
from eval import run_folder
from eval.case import Case, Evidence
from eval.run import digest_case
from eval.trial import TRIALS, Trial, trial_as_line

WORDS = [
    "refund",
    "parcel",
    "window",
    "grinder",
    "kettle",
    "invoice",
    "station",
    "account",
    "delivery",
    "warranty",
]
PER_DOCUMENT = 12


def dice_of(seed: object) -> random.Random:
    """Give dice that fall the same way every time."""
    return random.Random(str(seed))  # noqa: S311, nothing is kept secret by it


def documents(count: int = 8, seed: int = 1) -> dict[str, str]:
    """Write documents of short numbered sentences, no two alike."""
    dice = dice_of(seed)
    return {
        f"d{n}.md": " ".join(
            f"The {dice.choice(WORDS)} of {dice.choice(WORDS)} {n}x{i} takes {dice.randint(2, 90)} days."
            for i in range(PER_DOCUMENT)
        )
        for n in range(count)
    }


def spans(text: str) -> list[tuple[int, int]]:
    """Give the span of each sentence."""
    found, start = [], 0
    for sentence in text.split(". "):
        end = start + len(sentence.rstrip("."))
        found.append((start, min(end + 1, len(text))))
        start += len(sentence) + 2
    return found


def cases(held: Mapping[str, str], count: int = 40, seed: int = 2) -> Iterator[Case]:
    """Ask about single sentences; every fourth question has no answer."""
    dice = dice_of(seed)
    for n in range(count):
        uri = dice.choice(sorted(held))
        start, end = dice.choice(spans(held[uri]))
        known = n % 4 != 3
        yield Case(
            id=f"c{n:04}",
            lang="en" if n % 3 else "zh",
            question=f"How long does number {n} take?",
            answerable=known,
            stratum="in_kb" if known else "near_domain",
            reference=(held[uri][start:end],) if known else (),
            evidence=(Evidence(uri=uri, quote=held[uri][start:end], grade=dice.randint(1, 3)),)
            if known
            else (),
            cluster=uri,
        )


def reply(case: Case, held: Mapping[str, str], dice: random.Random) -> dict[str, Any]:
    """Answer a case well or badly, by dice, in ragdesk's form."""
    passages = []
    for rank in range(1, 9):
        uri = dice.choice(sorted(held))
        start, end = dice.choice(spans(held[uri]))
        passages.append(
            {"uri": uri, "start": start, "end": end, "text": held[uri][start:end], "rank": rank}
        )
    sure = dice.random()
    if sure < 0.3:
        outcome, claims, marks = "not_found", [], []
    else:
        first = passages[0]
        claims = [{"text": first["text"], "citations": [1]}]
        marks = [
            {**{k: first[k] for k in ("uri", "start", "end")}, "number": 1, "quote": first["text"]}
        ]
        outcome = "answered"
    return {
        "text": claims[0]["text"] if claims else "The documents do not answer this question.",
        "outcome": outcome,
        "claims": claims,
        "citations": marks,
        "passages": passages,
        "signals": {"answerable": sure},
        "seconds": {"retrieve": dice.random() / 100, "total": dice.random() / 10},
    }


def trials(held: Mapping[str, str], asked: list[Case], seed: int = 3) -> dict[str, Trial]:
    """Answer all cases; each one's dice are its own, so their order does not matter."""
    return {
        case.id: Trial(
            case=case.id,
            asked=digest_case(case),
            reply=reply(case, held, dice_of(f"{seed} {case.id}")),
            resolved={"1": True},
            seconds=0.25,
        )
        for case in asked
    }


def stored(
    folder: Path,
    held: Mapping[str, str],
    asked: Sequence[Case],
    change: Callable[[Any], Any] = lambda answer: answer,
) -> Path:
    """Store such a run, each answer changed on its way."""
    folder.mkdir(parents=True, exist_ok=True)
    cases_.write_case_lines(folder / run_folder.CASES, asked)
    made = trials(held, asked).values()
    lines = [trial_as_line(replace(one, reply=change(one.reply))) for one in made]
    (folder / TRIALS).write_text("".join(lines), encoding="utf-8")
    return folder
