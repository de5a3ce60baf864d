"""The types of scoring: Score, Metric, AnsweredCase and ScoredCase."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from eval import evidence_spans, faithfulness
from eval.case import Case
from eval.evidence import EvidencePlace
from eval.target_reply import ReplySentence, TargetReply
from eval.trial import Status
from indexes.text.coverage import Idf

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's score of one case. value: None unless the status is ok; never NaN."""

    value: float | None
    status: Status = "ok"
    reason: str = ""


def skip_metric(reason: str) -> Score:
    """Make the score of a metric that does not apply to a case."""
    return Score(None, "skipped", reason)


@dataclass(frozen=True, kw_only=True)
class AnsweredCase:
    """A case, the answer to it, and its located evidence."""

    case: Case
    reply: TargetReply
    places: tuple[EvidencePlace, ...]
    lost: bool
    idf: Idf
    wall: float

    @cached_property
    def evidence_by_passage(self) -> list[list[int]]:
        """Return, per passage, which pieces of evidence it contains any of."""
        return [
            [
                i
                for i, place in enumerate(self.places)
                if evidence_spans.covers_evidence(p, f"{p.lead}\n{p.text}", place)
            ]
            for p in self.reply.passages
        ]

    @cached_property
    def source_knowledge(self) -> faithfulness.SourceKnowledge:
        """Return the knowledge of all sources of the answer: passages, headings, quotes."""
        texts = [text for p in self.reply.passages for text in (p.lead, p.text)]
        return faithfulness.collect_knowledge([*texts, *(c.quote for c in self.reply.citations)])

    @property
    def name_context(self) -> str:
        """Return the texts that names may also come from: question, headings, titles."""
        return "\n".join([self.case.question, *(f"{p.uri} {p.lead}" for p in self.reply.passages)])

    @cached_property
    def claims(self) -> list[ReplySentence]:
        """Return the sentences that claim something."""
        return [
            sentence
            for sentence in self.reply.sentences
            if sentence.claims and faithfulness.extract_claimed_words(sentence.text)
        ]

    @property
    def is_answered(self) -> bool:
        """Tell whether an answer was given."""
        return self.reply.outcome == "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A way to score a case. about: one line for reports. bounded: its values lie in 0..1."""

    name: str
    about: str
    better: Better
    score: Callable[[AnsweredCase], Score]
    bounded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCase:
    """A case with its scores, in the order of the metrics."""

    case: Case
    scores: dict[str, Score]
    answered_case: AnsweredCase | None = None

    def values(self, names: Sequence[str]) -> list[float | None]:
        """Return the values of some metrics."""
        return [self.scores[name].value for name in names]
