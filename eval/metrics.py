"""The table of deterministic metrics. One that does not apply to a case gives its reason."""

from collections.abc import Callable, Hashable, Sequence

from eval import answer_metrics, citation_metrics, evidence_spans, faithfulness, ranking_metrics
from eval.evidence import EvidencePlace
from eval.scoring_types import AnsweredCase, Better, Metric, Score, skip_metric
from eval.violations import list_violations
from indexes.text.sentences import Span

CUTS = (1, 3, 8)
DEPTH = 10
RIGHT_SHARE = 0.5  # of the reference's words, where nothing names what must be said
NOT_ANSWERED = "the answer was not given"


def _with_evidence(measure: Callable[[AnsweredCase], float]) -> Callable[[AnsweredCase], Score]:
    """Apply a metric only to cases whose evidence is known and whose reply lists passages."""

    def score(answered_case: AnsweredCase) -> Score:
        if not answered_case.case.answerable:
            return skip_metric("no answer in the documents")
        if answered_case.lost:
            return Score(None, "error", "evidence not in the documents: ragdesk eval lint")
        if not answered_case.places:
            return skip_metric("no evidence is known")
        return Score(measure(answered_case))

    return score


def _with_answer(
    measure: Callable[[AnsweredCase], float | None], why: str
) -> Callable[[AnsweredCase], Score]:
    """Apply a metric only to answers that were given and that claim something."""

    def score(answered_case: AnsweredCase) -> Score:
        if not answered_case.is_answered:
            return skip_metric(NOT_ANSWERED)
        if not answered_case.claims:
            return skip_metric("the answer claims nothing")
        value = measure(answered_case)
        return skip_metric(why) if value is None else Score(value)

    return score


def _evidence_ranking(answered_case: AnsweredCase) -> list[int]:
    return [
        place for place, pieces in enumerate(answered_case.evidence_by_passage, start=1) if pieces
    ]


def _recall_metric(k: int) -> Callable[[AnsweredCase], float]:
    def recall(answered_case: AnsweredCase) -> float:
        pieces_covered = {
            piece for pieces in answered_case.evidence_by_passage[:k] for piece in pieces
        }
        return len(pieces_covered) / len(answered_case.places)

    return recall


def _hit_metric(k: int) -> Callable[[AnsweredCase], float]:
    return lambda answered_case: float(
        any(place <= k for place in _evidence_ranking(answered_case))
    )


def _ndcg_metric(answered_case: AnsweredCase) -> float:
    grades: dict[Hashable, int] = {i: place.grade for i, place in enumerate(answered_case.places)}
    return ranking_metrics.compute_ndcg(
        evidence_spans.rank_evidence(answered_case.evidence_by_passage), grades, k=DEPTH
    )


def _average_precision_metric(answered_case: AnsweredCase) -> float:
    return ranking_metrics.compute_average_precision(
        evidence_spans.rank_evidence(answered_case.evidence_by_passage),
        range(len(answered_case.places)),
    )


def _character_metric(measure: Callable[[int, int, int], float]) -> Callable[[AnsweredCase], Score]:
    """Make a metric over characters: those shared, those of the evidence, those of passages."""

    def score(answered_case: AnsweredCase) -> Score:
        known = _with_evidence(lambda _: 0.0)(answered_case)
        placed = [place for place in answered_case.places if place.spans]
        offsets = [
            p for p in answered_case.reply.passages if p.start is not None and p.end is not None
        ]
        if known.value is None:
            return known
        if not placed or len(offsets) < len(answered_case.reply.passages):
            return skip_metric("no offsets are known")
        shared = want = have = 0
        for uri in sorted({place.uri for place in placed} | {p.uri for p in offsets}):
            ours = [(p.start or 0, p.end or 0) for p in offsets if p.uri == uri]
            gold = [_closest_span(place, ours) for place in placed if place.uri == uri]
            shared += evidence_spans.count_shared_characters(ours, gold)
            want += evidence_spans.count_characters(gold)
            have += evidence_spans.count_characters(ours)
        return Score(measure(shared, want, have))

    return score


def _closest_span(place: EvidencePlace, ours: Sequence[Span]) -> Span:
    """Choose, of the places where a quote stands, the best retrieved one."""
    return max(place.spans, key=lambda span: evidence_spans.count_shared_characters([span], ours))


def _reference(answered_case: AnsweredCase) -> Score:
    if not answered_case.case.reference:
        return skip_metric("no reference is known")
    if not answered_case.is_answered:
        return skip_metric(NOT_ANSWERED)
    return Score(
        answer_metrics.compute_answer_f1(
            answered_case.reply.text, answered_case.case.reference, answered_case.idf
        )
    )


def _must_include(answered_case: AnsweredCase) -> Score:
    if not answered_case.case.must_include:
        return skip_metric("nothing must be included")
    if not answered_case.is_answered:
        return skip_metric(NOT_ANSWERED)
    return Score(
        answer_metrics.compute_included_share(
            answered_case.reply.text, answered_case.case.must_include
        )
    )


def _must_not(answered_case: AnsweredCase) -> Score:
    if not answered_case.case.must_not_include:
        return skip_metric("nothing is forbidden")
    return Score(float(_says_forbidden(answered_case)))


def _says_forbidden(answered_case: AnsweredCase) -> bool:
    return any(
        answer_metrics.contains_phrase(answered_case.reply.text, phrase)
        for phrase in answered_case.case.must_not_include
    )


def is_answer_right(answered_case: AnsweredCase) -> float | None:
    """Tell whether a given answer is right; None where the case does not say.

    By what must be said, else by the words of the reference, else by whether it cites the
    evidence. An answer that says what must not be said is wrong, and one where the documents
    hold none.
    """
    case = answered_case.case
    text = answered_case.reply.text
    if not case.answerable or _says_forbidden(answered_case):
        return 0.0
    if case.must_include:
        return float(answer_metrics.compute_included_share(text, case.must_include) == 1.0)
    if case.reference:
        return float(
            answer_metrics.compute_answer_recall(text, case.reference, answered_case.idf)
            >= RIGHT_SHARE
        )
    return _cited_evidence(answered_case) if answered_case.places else None


def _right_metric(answered_case: AnsweredCase) -> Score:
    if not answered_case.is_answered:
        return skip_metric(NOT_ANSWERED)
    value = is_answer_right(answered_case)
    return skip_metric("nothing tells what is right") if value is None else Score(value)


def _answerable_share(*, right: bool) -> Callable[[AnsweredCase], Score]:
    """Make a share of all answerable cases: those answered, and right or not."""

    def score(answered_case: AnsweredCase) -> Score:
        if not answered_case.case.answerable:
            return skip_metric("no answer in the documents")
        if answered_case.reply.outcome == "undetermined":
            return Score(None, "error", "undetermined: neither an answer nor a refusal")
        value = is_answer_right(answered_case)
        if value is None:
            return skip_metric("nothing tells what is right")
        return Score(float(answered_case.is_answered and bool(value) == right))

    return score


def _beside_metric(answered_case: AnsweredCase) -> Score:
    """Tell whether a right answer has a statement that no evidence of its case bears."""
    if not answered_case.is_answered or not is_answer_right(answered_case):
        return skip_metric("the answer is not right, or was not given")
    if not answered_case.places:
        return skip_metric("no evidence is known")
    numbers_on_evidence = {
        citation.number
        for citation in answered_case.reply.citations
        if any(
            evidence_spans.covers_evidence(citation, citation.quote, place)
            for place in answered_case.places
        )
    }
    return Score(
        float(any(numbers_on_evidence.isdisjoint(c.citations) for c in answered_case.claims))
    )


def _answer_length(answered_case: AnsweredCase) -> Score:
    if not answered_case.is_answered:
        return skip_metric(NOT_ANSWERED)
    return Score(float(len(answered_case.reply.text)))


def _cited_evidence(answered_case: AnsweredCase) -> float:
    cited = answered_case.reply.citations
    return float(
        any(
            evidence_spans.covers_evidence(c, c.quote, place)
            for c in cited
            for place in answered_case.places
        )
    )


def _cites_evidence(answered_case: AnsweredCase) -> Score:
    known = _with_evidence(_cited_evidence)(answered_case)
    return (
        skip_metric(NOT_ANSWERED)
        if known.status == "ok" and not answered_case.is_answered
        else known
    )


def make_support_check(answered_case: AnsweredCase) -> citation_metrics.Carries:
    """Make the check whether quotes support a sentence, from the words of the run."""

    def check(sentence: str, quotes: Sequence[str]) -> bool:
        knowledge = faithfulness.collect_knowledge(quotes)
        if (
            faithfulness.compute_support(sentence, knowledge, answered_case.idf)
            < faithfulness.SUPPORTED
        ):
            return False
        return not list_violations(sentence, quotes, answered_case.idf, answered_case.name_context)

    return check


def _faithfulness_metric(answered_case: AnsweredCase) -> float:
    return faithfulness.compute_knowledge_precision(
        [claim.text for claim in answered_case.claims],
        answered_case.source_knowledge,
        answered_case.idf,
    )


def _unsupported(answered_case: AnsweredCase) -> float:
    claims = [claim.text for claim in answered_case.claims]
    return len(
        faithfulness.list_unsupported(claims, answered_case.source_knowledge, answered_case.idf)
    ) / len(claims)


def _violations(answered_case: AnsweredCase) -> float:
    sources = [text for p in answered_case.reply.passages for text in (p.lead, p.text)]
    sources += [cited.quote for cited in answered_case.reply.citations]
    return float(
        any(
            list_violations(claim.text, sources, answered_case.idf, answered_case.name_context)
            for claim in answered_case.claims
        )
    )


def _refusal_metric(answered_case: AnsweredCase, *, answerable: bool, wrong: str) -> Score:
    if answered_case.case.answerable != answerable:
        return skip_metric("answerable" if answered_case.case.answerable else "unanswerable")
    if answered_case.reply.outcome == "undetermined":
        return Score(None, "error", "undetermined: neither an answer nor a refusal")
    return Score(float(answered_case.reply.outcome == wrong))


def _false_answer(answered_case: AnsweredCase) -> Score:
    return _refusal_metric(answered_case, answerable=False, wrong="answered")


def _over_refusal(answered_case: AnsweredCase) -> Score:
    return _refusal_metric(answered_case, answerable=True, wrong="abstained")


def _undetermined(answered_case: AnsweredCase) -> Score:
    return Score(float(answered_case.reply.outcome == "undetermined"))


def _metric(
    name: str,
    about: str,
    score: Callable[[AnsweredCase], Score],
    better: Better = "higher",
    *,
    bounded: bool = True,
) -> Metric:
    return Metric(name=name, about=about, better=better, score=score, bounded=bounded)


NO_CITATION = "nothing is cited"
METRICS: tuple[Metric, ...] = (
    *(
        _metric(
            f"recall@{k}",
            f"share of the evidence in the first {k}",
            _with_evidence(_recall_metric(k)),
        )
        for k in CUTS
    ),
    *(
        _metric(f"hit@{k}", f"any evidence in the first {k}", _with_evidence(_hit_metric(k)))
        for k in CUTS
    ),
    _metric(
        "mrr",
        "one over the place of the first evidence",
        _with_evidence(lambda a: 1 / min(_evidence_ranking(a)) if _evidence_ranking(a) else 0.0),
    ),
    _metric(f"ndcg@{DEPTH}", "ranking of the evidence by its grades", _with_evidence(_ndcg_metric)),
    _metric(
        "ap", "mean precision at each piece of evidence", _with_evidence(_average_precision_metric)
    ),
    _metric(
        "evidence_recall",
        "share of the evidence's characters found",
        _character_metric(lambda s, w, _: s / w),
    ),
    _metric(
        "evidence_iou",
        "characters shared, of evidence and passages",
        _character_metric(lambda s, w, h: s / (w + h - s)),
    ),
    _metric("answer_f1", "words shared with the reference, by rarity", _reference),
    _metric("must_include", "share of what must be said", _must_include),
    _metric("must_not_include", "says what must not be said", _must_not, "lower"),
    _metric("right", "answers given that are right", _right_metric),
    _metric(
        "answered_right",
        "answerable questions with a right answer",
        _answerable_share(right=True),
    ),
    _metric(
        "answered_wrong",
        "answerable questions with an answer that is not right",
        _answerable_share(right=False),
        "lower",
    ),
    _metric(
        "beside",
        "right answers with a statement that cites no evidence",
        _beside_metric,
        "lower",
    ),
    _metric(
        "answer_length", "characters of the answers given", _answer_length, "lower", bounded=False
    ),
    _metric(
        "faithfulness",
        "share of the answer's words that its sources hold, by rarity",
        _with_answer(_faithfulness_metric, ""),
    ),
    _metric(
        "unsupported_sentences",
        "share of the sentences that the sources do not carry",
        _with_answer(_unsupported, ""),
        "lower",
    ),
    _metric(
        "hard_violations",
        "answers that state a number, name or negation otherwise than their sources",
        _with_answer(_violations, ""),
        "lower",
    ),
    _metric(
        "citation_validity",
        "citations that quote the stored text",
        _with_answer(
            lambda a: citation_metrics.compute_citation_validity(a.reply.citations),
            "no citation could be checked",
        ),
    ),
    _metric(
        "citation_coverage",
        "claims that cite something",
        _with_answer(lambda a: citation_metrics.compute_citation_coverage(a.claims), ""),
    ),
    _metric(
        "citation_recall",
        "claims that what they cite carries",
        _with_answer(
            lambda a: citation_metrics.compute_citation_recall(
                a.claims, a.reply.citations, make_support_check(a)
            ),
            "",
        ),
    ),
    _metric(
        "citation_precision",
        "citations that are needed",
        _with_answer(
            lambda a: citation_metrics.compute_citation_precision(
                a.claims, a.reply.citations, make_support_check(a)
            ),
            NO_CITATION,
        ),
    ),
    _metric("cites_evidence", "answers that cite the evidence", _cites_evidence),
    _metric("false_answer", "unanswerable questions that were answered", _false_answer, "lower"),
    _metric("over_refusal", "answerable questions that were refused", _over_refusal, "lower"),
    _metric("undetermined", "neither an answer nor a refusal", _undetermined, "lower"),
    _metric(
        "seconds",
        "from asking to the whole answer",
        lambda a: Score(a.wall),
        "lower",
        bounded=False,
    ),
)
