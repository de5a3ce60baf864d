"""Errors that stop an evaluation; anything else is a trial or a score with its reason."""


class EvalError(Exception):
    """Base of every error of this package. Its message names the next step."""


class BadCases(EvalError):
    """A case file, a data set or the folder of a run is not valid."""


class BadTarget(EvalError):
    """A target's mapping file cannot be used."""


class BadGate(EvalError):
    """A gate names a figure that is not measured."""


class UnsupportedCase(EvalError):
    """A target does not support a case of this kind: the trial is skipped with this reason."""


class NoAnswer(EvalError):
    """A target did not answer a case: the trial fails with this reason."""
