"""The settings of the answer cache."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCacheOptions:
    """Which answers are given again, without asking documents and model anew.

    use: whose answers: of a language model (``model``), all (``always``), none (``never``).
        Answers in the documents' own words are made in the time that two or three of them save.
    rewordings: give an answer to a question in nearly the same words, too: without the politeness,
        with another spelling of the same number. Else the same characters are the same question.
    shared: give an answer to others with just the same rights (collections, groups, attributes),
        such as the visitors of a website. They can tell then that somebody asked the same before.
    megabytes: of answers that are kept, at most; those not asked for longest go first.
    minutes: after which a question is answered anew.
    """

    use: Literal["model", "always", "never"] = "model"
    rewordings: bool = False
    shared: bool = False
    megabytes: int = 64
    minutes: int = 60

    def __post_init__(self) -> None:
        if self.megabytes < 1 or self.minutes < 1:
            raise ValueError('megabytes and minutes are 1 or more; use = "never" keeps no answer')

    def is_used(self, *, writes_with_model: bool) -> bool:
        """Tell whether answers are kept, by who writes them."""
        return self.use == "always" or (self.use == "model" and writes_with_model)
