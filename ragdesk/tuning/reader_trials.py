"""Look for the rates of a training before it: a few short ones, chosen by Optuna.

Akiba et al. 2019, arXiv:1907.10902. The only file that imports optuna, an extra: ``ragdesk[tune]``.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from indexes.errors import ModelMissing
from ragdesk.tuning.on_torch import TrainingRates
from ragdesk.tuning.reader_job import ReaderJob, TuningOptions
from ragdesk.tuning.reader_samples import ReaderSample

TRIAL_SAMPLES = 1_500  # at most that one trial learns from


def choose_rates(
    options: TuningOptions, samples: Sequence[ReaderSample], trials: int
) -> TuningOptions:
    """Return options with the rates that did best in so many trials. Raises ModelMissing."""
    try:
        import optuna  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ModelMissing(
            "Trials need Optuna. pip install 'ragdesk[tune]', or leave out --trials."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    most = min(options.most or TRIAL_SAMPLES, TRIAL_SAMPLES)

    def run_trial(trial: Any) -> float:
        rates = TrainingRates(
            layers=trial.suggest_float("layers", 2e-5, 3e-4, log=True),
            head=trial.suggest_float("head", 1e-4, 2e-3, log=True),
            span=trial.suggest_float("span", 0.0, 0.6),
        )
        tried = replace(
            options,
            rates=rates,
            dropout=trial.suggest_float("dropout", 0.0, 0.2),
            most=most,
            folder=options.folder / f"trial-{trial.number}",
        )
        return ReaderJob(tried).run(samples, lambda _: None).after.worth

    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=options.seed)
    )
    study.optimize(run_trial, n_trials=trials)
    best = dict(study.best_params)
    dropout = best.pop("dropout")
    return replace(options, rates=TrainingRates(**best), dropout=dropout)
