"""A reader is trained, kept, written down, and read again as what torch had."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexes.embedding.embedder import EmbedOptions, find_model_files
from indexes.embedding.int8_graph import PACKAGED_RECIPE
from indexes.embedding.model_files import ModelFiles
from indexes.embedding.on_onnx import open_pair_graph
from indexes.embedding.quantised_weights import QuantisedWeights, find_packaged_weights
from indexes.embedding.unigram_tokenizer import UnigramTokenizer
from indexes.errors import ModelMissing
from ragdesk.answering.reading.packaged_reader import PackagedReader, open_packaged_reader
from ragdesk.answering.reading.reader_graph import ReaderGraph
from ragdesk.answering.reading.reader_weights import read_reader_weights
from ragdesk.answering.reading.unit_reader import ReaderInput
from ragdesk.errors import SettingsError
from ragdesk.tuning.on_torch import ReaderShape
from ragdesk.tuning.reader_job import ReaderJob, TuningOptions, TuningReport
from ragdesk.tuning.reader_samples import ReaderSample, SampleMaker
from ragdesk.tuning.reader_training import TrainingOptions, TrainingStep
from ragdesk.tuning.reader_trials import choose_rates
from ragdesk.tuning.sample_encoding import encode_sample
from ragdesk.tuning.table_samples import make_table_source

SHAPE = ReaderShape(layers=2, trained=1)
QUESTION = "How much is the Tarn 20?"
UNITS = [
    ReaderInput("| Tarn 20 | 45 € |", "Price list\n| Model | Price |"),
    ReaderInput("The shop in the old town is closed on Mondays."),
    ReaderInput("兰花每十天浇一次水。", "植物养护"),
]


@pytest.fixture(scope="module")
def model(cache: Path) -> ModelFiles:
    if find_packaged_weights() is None:
        pytest.skip("the weights of the packaged multilingual model are not installed")
    return find_model_files(EmbedOptions(device="cpu"), cache)


@pytest.fixture(scope="module")
def samples() -> list[ReaderSample]:
    return list(SampleMaker(make_table_source(40)).iter_samples())


def make_job(model: ModelFiles, folder: Path, **changes: object) -> ReaderJob:
    assert model.weights is not None
    settings = {
        "weights": model.weights,
        "tokenizer": model.tokenizer,
        "folder": folder,
        "shape": SHAPE,
        "training": TrainingOptions(batch=4, minutes=5.0),
        "held_out": 0.3,
        "most_held_out": 20,
        "most": 16,
        "threads": 1,
        **changes,
    }
    return ReaderJob(TuningOptions(**settings))  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Written:
    """What two layers of the embedder are before they learn anything, and their file."""

    job: ReaderJob
    file: Path


@pytest.fixture(scope="module")
def written(
    model: ModelFiles, samples: list[ReaderSample], tmp_path_factory: pytest.TempPathFactory
) -> _Written:
    folder = tmp_path_factory.mktemp("written")
    made = _Written(make_job(model, folder), folder / "reader.safetensors")
    made.job.write_reader(made.file, samples, {"made": "here"})
    return made


@dataclass(frozen=True)
class _Trained:
    """A training that came to its end: what it told on the way, and in the end."""

    job: ReaderJob
    folder: Path
    report: TuningReport
    steps: list[TrainingStep]


@pytest.fixture(scope="module")
def trained(
    model: ModelFiles, samples: list[ReaderSample], tmp_path_factory: pytest.TempPathFactory
) -> _Trained:
    folder, steps = tmp_path_factory.mktemp("trained") / "work", []
    job = make_job(model, folder)
    return _Trained(job, folder, job.run(samples, steps.append), steps)


def score_by_torch(job: ReaderJob, model: ModelFiles, units: Sequence[ReaderInput]) -> list[float]:
    sample = ReaderSample(
        question=QUESTION, units=tuple(units), answers=(), spans=(), origin="", group=""
    )
    encoded = encode_sample(UnigramTokenizer(model.tokenizer), sample)
    return job.trainer.score_samples([encoded])[0].tolist()


def test_the_graph_gives_what_torch_gives(model, written):
    reader = read_reader_weights(written.file)
    assert reader.card == {"made": "here"}
    wanted = score_by_torch(written.job, model, UNITS)
    weights = QuantisedWeights(model.weights)
    pieces = UnigramTokenizer(model.tokenizer)
    exact = PackagedReader(
        pieces, open_pair_graph(model, ReaderGraph(weights, reader, None).build_score_model()), 2
    )(QUESTION, UNITS)
    assert exact.scores == pytest.approx(wanted, abs=0.01)  # its matrices are of eight bits
    packed = PackagedReader(
        pieces,
        open_pair_graph(model, ReaderGraph(weights, reader, PACKAGED_RECIPE).build_score_model()),
        1,
    )(QUESTION, UNITS)
    assert packed.scores == pytest.approx(wanted, abs=0.1)
    assert 0 < exact.answerable < 1


def test_a_reader_is_converted_once_and_scores_each_unit_alone(model, written, tmp_path):
    reader = open_packaged_reader(model, tmp_path, threads=2, weights=written.file)
    assert reader is not None
    (graph,) = tmp_path.glob("reader-*.onnx")
    stamp = graph.stat().st_mtime_ns
    again = open_packaged_reader(model, tmp_path, threads=1, weights=written.file)
    assert again is not None
    assert graph.stat().st_mtime_ns == stamp
    together = reader(QUESTION, UNITS).scores
    alone = [float(again(QUESTION, [unit]).scores[0]) for unit in UNITS]
    assert together.tolist() == alone
    assert reader(QUESTION, []).answerable == 0


def test_no_reader_runs_on_another_embedder(model, tmp_path):
    english = find_model_files(EmbedOptions(model="packaged-english"), tmp_path)
    assert open_packaged_reader(english, tmp_path, threads=1) is None
    with pytest.raises(ModelMissing, match="No reader at"):
        open_packaged_reader(model, tmp_path, threads=1, weights=tmp_path / "elsewhere")
    damaged = tmp_path / "reader.safetensors"
    damaged.write_bytes(b"no reader")
    with pytest.raises(ModelMissing, match=r"cannot be converted: .*no whole reader"):
        open_packaged_reader(model, tmp_path, threads=1, weights=damaged)


def test_what_is_learnt_over_and_over_is_known_in_the_end(model, samples, tmp_path):
    trainer = make_job(model, tmp_path, dropout=0.0).trainer
    pieces = UnigramTokenizer(model.tokenizer)
    batch = [encode_sample(pieces, sample) for sample in samples[:4]]
    losses = [trainer.train_batch(batch, progress=0.1) for _ in range(16)]
    assert losses[-1] < 0.7 * losses[0]


def test_a_stopped_training_goes_on_where_it_was(model, samples, trained, tmp_path):
    report = trained.report
    assert trained.steps[-1].held_out == report.after
    assert report.samples == 16
    steps: list[TrainingStep] = []
    again = make_job(model, trained.folder)
    assert again.run(samples, steps.append, resumes=True) == report
    assert [step.held_out is None for step in steps] == [False]  # nothing was left to learn
    with pytest.raises(SettingsError, match="no checkpoint"):
        make_job(model, tmp_path / "other").run(samples, steps.append, resumes=True)


def test_a_reader_is_trained_further_from_where_another_ended(model, samples, trained, tmp_path):
    file, first = tmp_path / "reader.safetensors", trained.job
    first.write_reader(file, samples, {})
    further = make_job(model, tmp_path / "second", start=file, shape=ReaderShape())
    wanted = score_by_torch(first, model, UNITS)
    assert score_by_torch(further, model, UNITS) == pytest.approx(wanted, abs=0.02)
    report = further.run(samples, lambda _: None)
    assert report.before is not None
    assert report.helped == (report.after.worth >= report.before.worth + 0.002)


def test_a_few_samples_are_too_few_to_judge_by(model, samples, tmp_path):
    with pytest.raises(SettingsError, match="are needed"):
        make_job(model, tmp_path).run(samples[:10], lambda _: None)


def test_rates_are_looked_for_in_short_trainings(model, samples, tmp_path):
    pytest.importorskip("optuna")
    options = make_job(model, tmp_path, most=8)._options
    chosen = choose_rates(options, samples, trials=2)
    assert 2e-5 <= chosen.rates.layers <= 3e-4
    assert chosen.rates != options.rates
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["trial-0", "trial-1"]
    assert chosen.folder == tmp_path
