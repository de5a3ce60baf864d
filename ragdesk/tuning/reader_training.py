"""Train a reader: learn from samples, look at those held out, keep the best, stop in time."""

import hashlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eval.abstention_metrics import compute_auroc
from ragdesk.answering.reading.unit_reader import weigh_reading
from ragdesk.tuning.checkpoints import read_checkpoint, write_checkpoint
from ragdesk.tuning.on_torch import EncodedSample, ReaderTrainer
from ragdesk.tuning.reader_samples import ReaderSample

log = logging.getLogger("ragdesk")
LAST_FOLDER, BEST_FOLDER = "last", "best"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How long is trained, and how often is looked.

    minutes: of all of it; the rate of learning falls with them, so a slow machine ends as well as
    a fast one. patience: looks without a gain after which the training ends.
    """

    batch: int = 12
    minutes: float = 75.0
    look_minutes: float = 10.0
    patience: int = 3
    seed: int = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutScore:
    """How a reader does on samples that it did not learn from.

    first: share of the answerable ones whose best unit answers. auroc: how well answerable ones
    are told from those without an answer.
    """

    first: float
    auroc: float
    loss: float

    @property
    def worth(self) -> float:
        """Return the one number by which readers are compared."""
        return (self.first + self.auroc) / 2


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """What a training tells of itself while it runs."""

    progress: float
    loss: float
    samples: int
    held_out: HeldOutScore | None = None


def split_held_out(samples: Sequence[ReaderSample], share: float) -> tuple[list[int], list[int]]:
    """Part samples by their groups: places to learn from, places held out."""
    lesson_places: list[int] = []
    held_out_places: list[int] = []
    for place, sample in enumerate(samples):
        name = hashlib.sha256(f"{sample.origin}\0{sample.group}".encode()).digest()
        (held_out_places if name[0] / 256 < share else lesson_places).append(place)
    return lesson_places, held_out_places


def score_held_out(trainer: ReaderTrainer, samples: Sequence[EncodedSample]) -> HeldOutScore:
    """Score samples by a reader as it is."""
    scores: list[NDArray[np.float32]] = []
    for first in range(0, len(samples), 32):
        scores += trainer.score_samples(samples[first : first + 32])
    return judge_scores(samples, scores)


def judge_scores(
    samples: Sequence[EncodedSample], scores: Sequence[NDArray[np.float32]]
) -> HeldOutScore:
    """Weigh the scores of samples against what is right."""
    right, losses = [], []
    sure: dict[bool, list[float]] = {True: [], False: []}
    for sample, own in zip(samples, scores, strict=True):
        reading = weigh_reading(own)
        sure[bool(sample.answers)].append(reading.answerable)
        whole = np.logaddexp.reduce(np.append(own, 0.0))
        best = np.logaddexp.reduce(own[list(sample.answers)]) if sample.answers else 0.0
        losses.append(float(whole - best))
        if sample.answers:
            right.append(int(own.argmax()) in sample.answers)
    return HeldOutScore(
        first=float(np.mean(right)) if right else 0.0,
        auroc=compute_auroc(sure[True], sure[False]),
        loss=float(np.mean(losses)),
    )


class ReaderTraining:
    """One training. folder: where its checkpoints lie."""

    def __init__(
        self,
        trainer: ReaderTrainer,
        options: TrainingOptions,
        folder: Path,
        observe: Callable[[TrainingStep], None],
    ) -> None:
        self._trainer, self._options, self._folder = trainer, options, folder
        self._observe = observe
        self._place, self._seconds = 0, 0.0
        self._best: HeldOutScore | None = None
        self._misses = 0

    @property
    def sample_count(self) -> int:
        """Return how many samples were learnt from so far."""
        return self._place * self._options.batch

    def resume(self) -> bool:
        """Go on from the checkpoint of the folder; False where there is none."""
        known = read_checkpoint(self._folder / LAST_FOLDER)
        if known is None:
            return False
        arrays, state = known
        self._trainer.write_state(arrays, state["step"])
        self._place, self._seconds = state["step"], state["seconds"]
        self._misses = state["misses"]
        if best := read_checkpoint(self._folder / BEST_FOLDER):
            self._best = HeldOutScore(**best[1]["held_out"])
        return True

    def run(
        self, samples: Sequence[EncodedSample], held_out: Sequence[EncodedSample]
    ) -> HeldOutScore:
        """Learn from all samples once, or until the minutes are over; return the best score.

        The weights of that score are those of the trainer afterwards.
        """
        options = self._options
        order = list(range(len(samples)))
        random.Random(options.seed).shuffle(order)  # noqa: S311 - no secret
        start, looked = time.monotonic() - self._seconds, time.monotonic()
        while self._place * options.batch < len(order):
            rows = order[self._place * options.batch : (self._place + 1) * options.batch]
            self._seconds = time.monotonic() - start
            progress = max(
                self._place * options.batch / len(order), self._seconds / (60 * options.minutes)
            )
            if progress >= 1:
                break
            loss = self._trainer.train_batch([samples[row] for row in rows], progress)
            self._place += 1
            self._observe(TrainingStep(progress, loss, self._place * options.batch))
            if time.monotonic() - looked > 60 * options.look_minutes:
                self._look(held_out, progress, loss)
                looked = time.monotonic()
                if self._misses >= options.patience:
                    break
        self._look(held_out, 1.0, 0.0)
        return self._load_best()

    def _look(self, held_out: Sequence[EncodedSample], progress: float, loss: float) -> None:
        """Score what is held out, keep the weights if they are the best, and the state anyway."""
        score = score_held_out(self._trainer, held_out)
        state: dict[str, Any] = {"step": self._place, "held_out": asdict(score)}
        if self._best is None or score.loss < self._best.loss:  # shares of a few are too coarse
            self._best, self._misses = score, 0
            write_checkpoint(self._folder / BEST_FOLDER, self._trainer.model.read_arrays(), state)
        else:
            self._misses += 1
        write_checkpoint(
            self._folder / LAST_FOLDER,
            self._trainer.read_state(),
            {**state, "seconds": self._seconds, "misses": self._misses},
        )
        samples = self._place * self._options.batch
        self._observe(TrainingStep(progress, loss, samples, score))

    def _load_best(self) -> HeldOutScore:
        known = read_checkpoint(self._folder / BEST_FOLDER)
        if known is None or self._best is None:
            raise ValueError("a training ended without a checkpoint")
        self._trainer.model.write_arrays(known[0])
        return self._best
