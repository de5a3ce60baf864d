"""What operators set of when a question is refused, and when it is asked back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOptions:
    """When to say that the documents do not answer a question.

    floor: likelihood (0..1) that the passages hold an answer, below which the question is refused.
        Raise it to refuse more often. A collection with a calibration of its own (``ragdesk eval
        calibrate``) goes by that instead.
    model_floor: the same where a language model writes, which then decides itself whether the
        passages answer: only what is hopeless is kept from it.
    """

    floor: float = 0.5
    model_floor: float = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class ClarifyOptions:
    """When to ask back which product or policy is meant, instead of choosing one.

    near: passages count as equally good from this part of the best score on; above 1 never asks.
    floor: least likelihood (0..1) that the passages hold an answer, whatever would be said of them:
        no sentence answers a question that leaves open what it is about.
    most: names offered at most, the best ones.
    """

    near: float = 0.75
    floor: float = 0.6
    most: int = 3
