"""Train a reader and write it down: samples, training, comparison, and a file if it helped."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import ragdesk
from indexes.embedding.quantised_weights import QuantisedWeights, check_weights
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.reading.reader_weights import (
    ReaderWeights,
    read_reader_weights,
    write_reader_weights,
)
from ragdesk.errors import SettingsError
from ragdesk.tuning.on_torch import (
    EncodedSample,
    ReaderModel,
    ReaderShape,
    ReaderTrainer,
    TrainingRates,
    seed_torch,
)
from ragdesk.tuning.reader_samples import ReaderSample
from ragdesk.tuning.reader_training import (
    HeldOutScore,
    ReaderTraining,
    TrainingOptions,
    TrainingStep,
    judge_scores,
    score_held_out,
    split_held_out,
)
from ragdesk.tuning.sample_encoding import encode_sample

LEAST_HELD_OUT = 20  # samples below which a comparison says nothing
CALIBRATION_PAIRS = 200  # of which the ranges of activations are taken
LEAST_IMPROVEMENT = 0.002  # of the score on what is held out, from which a new reader is better


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningOptions:
    """How a reader is trained.

    weights: the packaged embedder's file. tokenizer: its pieces. start: a reader to train further;
    None: the embedder itself. folder: where checkpoints lie. held_out: share of the articles.
    most_held_out: samples of them, at most. most: samples to learn from, at most; 0: all.
    """

    weights: Path
    tokenizer: Path
    folder: Path
    start: Path | None = None
    shape: ReaderShape = field(default_factory=ReaderShape)
    rates: TrainingRates = field(default_factory=TrainingRates)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    dropout: float = 0.1
    held_out: float = 0.06
    most_held_out: int = 240
    most: int = 0
    threads: int = 2
    seed: int = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningReport:
    """What a training came to. words: what sharing words with the question gives.

    before: the reader that it started from; None where it started from the embedder.
    """

    samples: int
    held_out: int
    words: HeldOutScore
    before: HeldOutScore | None
    after: HeldOutScore

    @property
    def helped(self) -> bool:
        """Tell whether the new reader is better than what was there before it."""
        old = self.before or self.words
        return self.after.worth >= old.worth + LEAST_IMPROVEMENT


class ReaderJob:
    """One training from samples to a file."""

    def __init__(self, options: TuningOptions) -> None:
        check_weights(options.weights)
        self._options = options
        self._weights = QuantisedWeights(options.weights)
        self._pieces = UnigramTokenizer(options.tokenizer)
        self._start: ReaderWeights | None = None
        if options.start is not None:
            self._start = read_reader_weights(options.start)
        self.trainer = self.open_trainer(options.rates, options.dropout)

    def open_trainer(self, rates: TrainingRates, dropout: float) -> ReaderTrainer:
        """Make a trainer of weights as they were before any training."""
        options, shape = self._options, self._options.shape
        seed_torch(options.seed)
        if self._start is not None:
            shape = ReaderShape(layers=self._start.layers, trained=self._start.trained)
        model = ReaderModel(self._weights, shape, dropout)
        if self._start is not None:
            model.write_arrays(self._start.matrices)
        return ReaderTrainer(model, rates, options.threads)

    def run(
        self,
        samples: Sequence[ReaderSample],
        observe: Callable[[TrainingStep], None],
        *,
        resumes: bool = False,
    ) -> TuningReport:
        """Train on samples, a part held out. The trainer holds the best weights afterwards."""
        options = self._options
        lesson, held_out = self.part_samples(samples)
        words = judge_scores(held_out.token_samples, [score_words(s) for s in held_out.plain])
        before = score_held_out(self.trainer, held_out.token_samples) if self._start else None
        training = ReaderTraining(self.trainer, options.training, options.folder, observe)
        if resumes and not training.resume():
            raise SettingsError(f"There is no checkpoint in {options.folder} to go on from.")
        after = training.run(lesson.token_samples, held_out.token_samples)
        return TuningReport(
            samples=min(training.sample_count, len(lesson.token_samples)),
            held_out=len(held_out.token_samples),
            words=words,
            before=before,
            after=after,
        )

    def part_samples(self, samples: Sequence[ReaderSample]) -> tuple["SamplePart", "SamplePart"]:
        """Part samples into those to learn from and those held out. Raises SettingsError."""
        options = self._options
        lesson_places, held_out_places = split_held_out(samples, options.held_out)
        chance = random.Random(options.seed)  # noqa: S311 - no secret
        chance.shuffle(lesson_places)
        chance.shuffle(held_out_places)
        if len(held_out_places) < LEAST_HELD_OUT:
            raise SettingsError(
                f"{len(samples)} samples leave {len(held_out_places)} to judge a reader by; "
                f"{LEAST_HELD_OUT} are needed. Add cases, or hold out more: --held-out 0.3."
            )
        return (
            self._encode([samples[i] for i in lesson_places[: options.most or None]]),
            self._encode([samples[i] for i in held_out_places[: options.most_held_out]]),
        )

    def write_reader(
        self, file: Path, samples: Sequence[ReaderSample], card: dict[str, Any]
    ) -> None:
        """Write the trainer's weights as a reader."""
        model = self.trainer.model
        chosen = random.Random(self._options.seed).sample(  # noqa: S311 - no secret
            list(samples), min(CALIBRATION_PAIRS, len(samples))
        )
        pairs = [encode_sample(self._pieces, sample).pairs[0] for sample in chosen]
        write_reader_weights(
            file,
            model.read_arrays(),
            model.measure_ranges(pairs),
            layers=model.shape.layers,
            trained=model.shape.trained,
            card=card,
        )

    def _encode(self, samples: Sequence[ReaderSample]) -> "SamplePart":
        return SamplePart(samples, [encode_sample(self._pieces, sample) for sample in samples])


@dataclass(frozen=True, slots=True)
class SamplePart:
    """Samples, and the same as tokens."""

    plain: Sequence[ReaderSample]
    token_samples: Sequence[EncodedSample]


def score_words(sample: ReaderSample) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Score the units of a sample by the share of the question's words that they hold."""
    words = frozenset(tokenize_text(sample.question))
    wanted = frozenset(drop_stopwords(words)) or words
    shares = [len(wanted.intersection(tokenize_text(u.text))) / len(wanted) for u in sample.units]
    return np.array(shares, dtype=np.float32)


def write_card(
    report: TuningReport, sources: Sequence[Any], options: TuningOptions
) -> dict[str, Any]:
    """Return what a reader's file says of itself."""
    return {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "ragdesk": ragdesk.__version__,
        "sources": [asdict(source) for source in sources],
        "samples": report.samples,
        "held_out": {
            "samples": report.held_out,
            "words": asdict(report.words),
            "before": asdict(report.before) if report.before else None,
            "after": asdict(report.after),
        },
        "shape": asdict(options.shape),
        "rates": asdict(options.rates),
        "seed": options.seed,
    }
