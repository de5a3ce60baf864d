"""Score units by the trained reader: which of them it reads, as what, and what its score adds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ragdesk.answering.reading.answer_units import AnswerUnit
from ragdesk.answering.reading.reading_options import ReaderOptions
from ragdesk.answering.reading.unit_reader import ReaderInput, UnitReader, UnitReading
from ragdesk.answering.reading.unit_scores import ScoredUnit, choose_broadly


def make_reader_inputs(
    chosen: Sequence[ScoredUnit], ranked: Sequence[ScoredUnit]
) -> list[ReaderInput]:
    """Write units as a reader sees them: what answers, and above it headings and what leads to it.

    ranked: all units, out of which the sentence before each is taken.
    """
    cores = {scored.position: scored.unit for scored in ranked if not scored.unit.is_whole}
    return [_make_input(scored.unit, cores.get(scored.position - 1)) for scored in chosen]


def _make_input(unit: AnswerUnit, before: AnswerUnit | None) -> ReaderInput:
    above = unit.text.removesuffix(unit.core).strip() if unit.above else ""
    if not above and before and before.passage is unit.passage and before.kind != "row":
        above = before.core
    heading = unit.lead.partition("\n")[0]
    parts = dict.fromkeys(part for part in (heading, unit.question, above) if part)
    return ReaderInput(text=unit.core, lead="\n".join(parts))


def read_ranked_units(
    reader: UnitReader, question: str, ranked: Sequence[ScoredUnit], options: ReaderOptions
) -> tuple[list[ScoredUnit], UnitReading]:
    """Read the best units; return all, best first, with what the reader adds, and its reading.

    ranked: not empty.
    A unit that was read gains ``options.worth`` times how likely it answers; a list or an FAQ
    entry stays with the best of its parts.
    """
    chosen = choose_broadly(ranked, options.units)
    reading = reader(question, make_reader_inputs(chosen, ranked))
    gains = options.worth * _squash(reading.scores)
    gain_by_position = {
        scored.position: float(gain) for scored, gain in zip(chosen, gains, strict=True)
    }
    scored_units = [
        replace(scored, worth=scored.worth + gain_by_position.get(scored.position, 0.0))
        for scored in ranked
    ]
    order = {scored.position: -scored.worth for scored in scored_units}
    return sorted(scored_units, key=lambda s: (order[s.position], s.position)), reading


def _squash(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how likely each unit answers (0..1), by itself."""
    return 1 / (1 + np.exp(-scores.astype(np.float64)))
