"""A company's own cases as samples: the units that hold the evidence, among what is found."""

from collections.abc import Iterator, Sequence

from eval.case import Case, Evidence
from indexes.chunk import Chunk, Passage
from indexes.text.folding import normalise_text
from indexes.text.sentences import Span
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.answer import Question
from ragdesk.answering.reading.unit_reader import ReaderInput, list_inputs
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.tuning.reader_samples import ReaderSample

CASE_UNITS = 8  # of a sample: as many as are read for an answer
QUOTE_SHARE = 0.8  # of a quote's words that a unit holds, or of the unit's that the quote holds


def iter_case_samples(retrieve: Retriever, cases: Sequence[Case]) -> Iterator[ReaderSample]:
    """Yield a sample for each case: its units, and which of them hold its evidence.

    Of an answerable case there is a second one, from which what holds its evidence is left out.
    """
    for case in cases:
        if case.history:
            continue  # what a follow-up means is not in its words
        passages = retrieve(Question(text=case.question)).passages
        units = _rank_inputs(case.question, passages)
        right = [unit for unit in units if case.answerable and _holds_evidence(unit, case)]
        wrong = [unit for unit in units if unit not in right]
        if right:
            head = right[:2]
            yield _make_sample(case, [*head, *wrong[: CASE_UNITS - len(head)]], len(head))
        if len(wrong) > 1 and (right or not case.answerable):
            yield _make_sample(case, wrong[:CASE_UNITS], 0)


def _make_sample(
    case: Case, units: Sequence[tuple[Chunk, ReaderInput]], right: int
) -> ReaderSample:
    """Make a sample of which the first units are right."""
    return ReaderSample(
        question=case.question,
        units=tuple(unit for _, unit in units),
        answers=tuple(range(right)),
        spans=tuple(_find_quote(unit.text, case) for _, unit in units[:right]),
        origin="cases",
        group=case.cluster or case.id,
    )


def _rank_inputs(question: str, passages: Sequence[Passage]) -> list[tuple[Chunk, ReaderInput]]:
    """List the units of passages, those that share most words with the question first."""
    words = frozenset(tokenize_text(question))
    wanted = frozenset(drop_stopwords(words)) or words
    units = [(p.chunk, unit) for p in passages for unit in list_inputs(p.chunk)]
    shares = [len(wanted.intersection(tokenize_text(unit.text))) for _, unit in units]
    return [units[i] for i in sorted(range(len(units)), key=lambda i: (-shares[i], i))]


def _holds_evidence(unit: tuple[Chunk, ReaderInput], case: Case) -> bool:
    chunk, reading = unit
    return any(
        evidence.uri == chunk.uri and _meets_quote(reading.text, evidence)
        for evidence in case.evidence
    )


def _meets_quote(text: str, evidence: Evidence) -> bool:
    own, quoted = set(tokenize_text(text)), set(tokenize_text(evidence.quote))
    shared = len(own & quoted)
    return bool(own and quoted) and shared >= QUOTE_SHARE * min(len(own), len(quoted))


def _find_quote(text: str, case: Case) -> Span | None:
    """Find the first known answer in a unit; None where it stands there in other words."""
    folded = normalise_text(text)
    for answer in case.reference:
        start = folded.find(normalise_text(answer))
        if start >= 0 and len(folded) == len(text):
            return start, start + len(answer)
    return None
