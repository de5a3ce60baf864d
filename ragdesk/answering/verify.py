"""Hold each sentence of a model against the passages it cites, before it counts.

Two measures that are not mixed: the share of its words, by weight, that a few sentences of the
passages carry, and hard flags for what it states otherwise (numbers, units, dates, names,
negation, modals). A second reader (an entailment model) may be put beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from indexes.chunk import Passage
from indexes.polarity import agree_throughout, answers, contradicts, stance
from indexes.support import Flag, Idf, coverage, flags, window
from indexes.text import content, tokens
from ragdesk.answering.answer import Standing
from ragdesk.answering.evidence import Quote, Statement, has_words, headings, read


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """How a model's sentences are checked, and what becomes of one that fails.

    send: "hold" sends a sentence once it is checked; "show" sends the words as they are written
    and the verdict after them.
    failed: "drop" leaves it out, "keep" says it with its verdict, "repair" asks the model once
    to write it anew and drops it if that fails too, "refuse" makes the whole answer unsupported.
    In "show" its words are out already: there "drop" and "repair" keep.
    supported: share of a sentence's words that its passages must carry.
    partial: share from which it counts as partly supported.
    """

    send: Literal["hold", "show"] = "hold"
    failed: Literal["drop", "keep", "repair", "refuse"] = "drop"
    supported: float = 0.6
    partial: float = 0.45


class Judge(Protocol):
    """Reads a claim and its evidence, and says how well it follows (0..1)."""

    def __call__(self, claim: str, evidence: str) -> float: ...


@dataclass(frozen=True, slots=True)
class _Piece:
    passage: Passage
    start: int
    end: int
    words: frozenset[str]

    @property
    def text(self) -> str:
        return self.passage.chunk.text[self.start : self.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Checks sentences. idf: weighs words by the collection. judge: a second reader, or None."""

    options: VerifyOptions
    idf: Idf
    judge: Judge | None = None

    def __call__(self, claim: str, cited: Sequence[Passage], question: str = "") -> Statement:
        """Say how well passages carry a claim, and which sentences of them do.

        question: its words are known to whoever reads the answer; they may name, not bear.
        """
        if not has_words(claim):
            return Statement(claim, (), 1.0, Standing.NO_CLAIM)
        claimed = stance(claim).rest  # "Yes, …": what follows
        words = tokens(claimed)
        pieces = [piece for passage in cited for piece in _pieces(passage)]
        if not pieces:
            return Statement(claim, (), 0.0, Standing.UNSUPPORTED)
        if not content(words):
            affirms = answers(claim, question)
            if affirms is None:
                return Statement(claim, (), 1.0, Standing.NO_CLAIM)
            return self._polar(claim, pieces, question, affirms=affirms)
        at, _ = window(words, [piece.words for piece in pieces], self.idf)
        chosen = [pieces[i] for i in at] or pieces[:1]
        held = frozenset().union(*(p.words | headings(p.passage.chunk) for p in chosen))
        support = coverage(words, held, self.idf)
        evidence = "\n".join(piece.text for piece in chosen)
        if self.judge:
            support = (support + self.judge(claimed, evidence)) / 2
        known = [passage.chunk.indexed for passage in cited]
        found = flags(claimed, evidence, beside=[*known, question])
        standing = self._standing(support, found)
        if contradicts(claim, evidence, question):
            standing = Standing.UNSUPPORTED
        return Statement(claim, _quotes(chosen), support, standing, tuple(found))

    def _polar(
        self, claim: str, pieces: Sequence[_Piece], question: str, *, affirms: bool
    ) -> Statement:
        """Check "Yes." or "No, you may not.": what it says is in the question.

        It is partly supported at best, where the passages carry what was asked and deny it, or do
        not, as the claim does. To drop a bare "No." loses little: a good answer goes on.
        """
        asked = tokens(question)
        at, support = window(asked, [piece.words for piece in pieces], self.idf)
        chosen = [pieces[i] for i in at]
        fits = support >= self.options.partial and agree_throughout(
            affirms, [piece.text for piece in chosen], question
        )
        standing = Standing.PARTIAL if fits else Standing.UNSUPPORTED
        return Statement(claim, _quotes(chosen), support, standing)

    def _standing(self, support: float, found: Sequence[Flag]) -> Standing:
        if found or support < self.options.partial:
            return Standing.UNSUPPORTED
        return Standing.SUPPORTED if support >= self.options.supported else Standing.PARTIAL


def _quotes(pieces: Sequence[_Piece]) -> tuple[Quote, ...]:
    return tuple(
        Quote(p.passage, p.passage.chunk.start + p.start, p.passage.chunk.start + p.end, p.text)
        for p in pieces
    )


def _pieces(passage: Passage) -> list[_Piece]:
    return [_Piece(passage, s.start, s.end, s.words) for s in read(passage.chunk.text)]
