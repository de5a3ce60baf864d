"""What stops an evaluation. Everything else is a value: a trial or a score with its reason."""


class EvalError(Exception):
    """Base of every error here. Its message names the next step."""


class BadCases(EvalError):
    """A file of cases, a set or a folder of a run is not what it should be."""


class BadTarget(EvalError):
    """A target's mapping file cannot be used."""


class BadGate(EvalError):
    """A gate names something that is not measured."""


class UnsupportedCase(EvalError):
    """A target cannot be asked a case of this kind: becomes a skipped trial with this reason."""


class NoAnswer(EvalError):
    """A target did not answer a case: becomes a trial with this reason."""
