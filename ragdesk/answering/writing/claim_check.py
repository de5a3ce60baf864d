"""Check each sentence of a model against the passages it cites.

Two measures that are not mixed: the share of its words, by weight, that a few sentences of the
passages carry, and hard flags for what it states otherwise (numbers, units, dates, names,
negation, modals). A second reader (an entailment model) may be put beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from indexes.chunk import Passage
from indexes.text.claim_binding import find_misplacements
from indexes.text.contradictions import Contradiction, find_contradictions
from indexes.text.coverage import Idf, choose_pieces, compute_coverage
from indexes.text.polarity import contradicts_polarity, pieces_agree, read_stance, read_yes_no
from indexes.text.sentences import split_sentences
from indexes.text.tokens import drop_stopwords, is_han_pair, tokenize_text
from ragdesk.answering.answer import ClaimVerdict
from ragdesk.answering.retrieval.passage_words import has_words
from ragdesk.answering.statement import Quote, Statement
from ragdesk.answering.writing.claim_echo import states_nothing
from ragdesk.answering.writing.claim_evidence import EvidenceSentence, split_evidence
from ragdesk.answering.writing.foreign_evidence import ForeignEvidence, ForeignEvidenceReader
from ragdesk.answering.writing.writing_options import VerifyOptions

# Of two Han characters side by side. A hundred true paraphrases keep more than .47 of their weight
# (twentieth part; .40 with whole pairs).
PAIR_WEIGHT = 0.2


NAME_WEIGHT = 0.35  # of the weight of a word that stands nowhere: what common words fall short of
# From well borne out to not at all.
_VERDICTS = (ClaimVerdict.SUPPORTED, ClaimVerdict.PARTIAL, ClaimVerdict.UNSUPPORTED)
_NO_WORD = "\ufffd"  # stands in no index


class EntailmentJudge(Protocol):
    """Reads a claim and its evidence, and says how well it follows (0..1)."""

    def __call__(self, claim: str, evidence: str) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimChecker:
    """Checks sentences. idf: weighs words by the collection. judge: a second reader, or None.

    foreign: reads evidence in the other language; None where only words are compared.
    """

    options: VerifyOptions
    idf: Idf
    judge: EntailmentJudge | None = None
    foreign: ForeignEvidenceReader | None = None

    def __call__(self, claim: str, cited: Sequence[Passage], question: str = "") -> Statement:
        """Check a claim against its passages; return a statement with support, quotes and verdict.

        question: its words are known to whoever reads the answer; they may name, not bear.
        """
        if not has_words(claim):
            return Statement(claim, (), 1.0, ClaimVerdict.NO_CLAIM)
        parts = [self._check_sentence(part, cited, question) for part in _split_claim(claim)]
        return parts[0] if len(parts) == 1 else _join_statements(claim, parts)

    def _check_sentence(self, claim: str, cited: Sequence[Passage], question: str) -> Statement:
        statement = read_stance(claim).rest  # "Yes, …": what follows
        words = tokenize_text(statement)
        pieces = split_evidence(cited)
        if not pieces:
            return Statement(claim, (), 0.0, ClaimVerdict.UNSUPPORTED)
        if not drop_stopwords(words):
            affirms = read_yes_no(claim, question)
            if affirms is None:
                return Statement(claim, (), 1.0, ClaimVerdict.NO_CLAIM)
            return self._check_polar(claim, pieces, question, affirms=affirms)
        if evidence := self._read_foreign(statement, cited, pieces, question):
            verdict = self._support_verdict(evidence.support, evidence.conflicts)
            quotes = _make_quotes([pieces[i] for i in evidence.sentences])
            return Statement(claim, quotes, evidence.support, verdict, evidence.conflicts)
        idf = partial(weigh_word, idf=self.idf)
        at, _ = choose_pieces(words, [piece.words for piece in pieces], idf)
        chosen = [pieces[i] for i in at] or pieces[:1]
        evidence_words = frozenset().union(*(p.words | p.piece.context for p in chosen))
        support = compute_coverage(words, evidence_words, idf)
        if states_nothing(claim, question, cited, idf):
            return Statement(claim, _make_quotes(chosen), support, ClaimVerdict.NO_CLAIM)
        text = "\n".join(piece.statement for piece in chosen)
        if self.judge:
            support = (support + self.judge(statement, text)) / 2
        conflicts = [
            *find_contradictions(statement, text, context=[p.chunk.indexed_text for p in cited]),
            *find_misplacements(
                statement,
                [piece.piece for piece in pieces],
                question=question,
                is_name=self._is_name,
            ),
        ]
        verdict = self._support_verdict(support, conflicts)
        if contradicts_polarity(claim, text, question):
            verdict = ClaimVerdict.UNSUPPORTED
        return Statement(claim, _make_quotes(chosen), support, verdict, tuple(conflicts))

    def _read_foreign(
        self,
        statement: str,
        cited: Sequence[Passage],
        pieces: Sequence[EvidenceSentence],
        question: str,
    ) -> ForeignEvidence | None:
        if self.foreign is None:
            return None
        context = [passage.chunk.indexed_text for passage in cited]
        return self.foreign(statement, [piece.text for piece in pieces], context, question)

    def _check_polar(
        self, claim: str, pieces: Sequence[EvidenceSentence], question: str, *, affirms: bool
    ) -> Statement:
        """Check "Yes." or "No, you may not.": what it says is in the question.

        It is partly supported at best, where the passages carry what was asked and deny it, or do
        not, as the claim does. To drop a bare "No." loses little: a good answer goes on.
        """
        question_tokens = tokenize_text(question)
        at, support = choose_pieces(question_tokens, [piece.words for piece in pieces], self.idf)
        chosen = [pieces[i] for i in at]
        fits = support >= self.options.partial and pieces_agree(
            affirms, [piece.text for piece in chosen], question
        )
        verdict = ClaimVerdict.PARTIAL if fits else ClaimVerdict.UNSUPPORTED
        return Statement(claim, _make_quotes(chosen), support, verdict)

    def _is_name(self, word: str) -> bool:
        """Tell whether a word stands in some documents and not in most."""
        most = self.idf(_NO_WORD)
        return NAME_WEIGHT * most <= self.idf(word) < most

    def _support_verdict(self, support: float, conflicts: Sequence[Contradiction]) -> ClaimVerdict:
        if conflicts or support < self.options.partial:
            return ClaimVerdict.UNSUPPORTED
        return ClaimVerdict.SUPPORTED if support >= self.options.supported else ClaimVerdict.PARTIAL


def _split_claim(claim: str) -> list[str]:
    """Split what a model wrote as one sentence into its sentences, a "Yes." with the next one.

    >>> _split_claim("Yes. It is free. Returns take a week.")
    ['Yes. It is free.', 'Returns take a week.']
    """
    parts: list[str] = []
    begun = ""
    for start, end in split_sentences(claim):
        begun = f"{begun} {claim[start:end]}".strip()
        if drop_stopwords(tokenize_text(read_stance(begun).rest)):
            parts.append(begun)
            begun = ""
    return parts or [claim]


def _join_statements(claim: str, parts: Sequence[Statement]) -> Statement:
    """Make one statement of several: it is borne out as far as the worst of them."""
    claims = [part for part in parts if part.verdict is not ClaimVerdict.NO_CLAIM]
    if not claims:
        return replace(parts[0], text=claim)
    worst = max(claims, key=lambda part: (_VERDICTS.index(part.verdict), -part.support))
    return Statement(
        claim,
        tuple(dict.fromkeys(quote for part in claims for quote in part.quotes)),
        worst.support,
        worst.verdict,
        tuple(flag for part in claims for flag in part.flags),
    )


def weigh_word(word: str, *, idf: Idf) -> float:
    """Return what a word counts in a claim: rewording breaks pairs of Han characters first."""
    return idf(word) * (PAIR_WEIGHT if is_han_pair(word) else 1.0)


def _make_quotes(pieces: Sequence[EvidenceSentence]) -> tuple[Quote, ...]:
    return tuple(
        Quote(p.passage, p.passage.chunk.start + p.start, p.passage.chunk.start + p.end, p.text)
        for p in pieces
    )
