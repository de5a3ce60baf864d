"""What operators set of turns that ask the documents nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """Whether a turn that asks the documents nothing is recognised before they are searched.

    recognise: false searches the documents for every turn, a greeting too.
    floor: likelihood (0..1) of another kind from which a turn counts as no question.
    """

    recognise: bool = True
    floor: float = 0.75
