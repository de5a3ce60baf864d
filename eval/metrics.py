"""Every metric of the deterministic tier: one table. A metric that does not apply says why."""

from collections.abc import Callable, Hashable, Sequence

from eval import answers, citations, faithfulness, retrieval, spans
from eval.locate import Place, Span
from eval.measured import Asked, Better, Metric, Score, skip
from eval.violations import violations

CUTS = (1, 3, 8)
DEPTH = 10
RIGHT = 0.5  # of the reference's words, where nothing names what must be said
NOT_ANSWERED = "the answer was not given"


def _evidence(measure: Callable[[Asked], float]) -> Callable[[Asked], Score]:
    """Score only cases whose evidence is known and where passages are told."""

    def score(asked: Asked) -> Score:
        if not asked.case.answerable:
            return skip("no answer in the documents")
        if asked.lost:
            return Score(None, "error", "evidence not in the documents: ragdesk eval lint")
        if not asked.places:
            return skip("no evidence is known")
        return Score(measure(asked))

    return score


def _answered(measure: Callable[[Asked], float | None], why: str) -> Callable[[Asked], Score]:
    """Score only answers that were given and that claim something."""

    def score(asked: Asked) -> Score:
        if not asked.answered:
            return skip(NOT_ANSWERED)
        if not asked.claims:
            return skip("the answer claims nothing")
        value = measure(asked)
        return skip(why) if value is None else Score(value)

    return score


def _hits(asked: Asked) -> list[int]:
    return [place for place, pieces in enumerate(asked.met, start=1) if pieces]


def _recall(k: int) -> Callable[[Asked], float]:
    def recall(asked: Asked) -> float:
        found = {piece for pieces in asked.met[:k] for piece in pieces}
        return len(found) / len(asked.places)

    return recall


def _hit(k: int) -> Callable[[Asked], float]:
    return lambda asked: float(any(place <= k for place in _hits(asked)))


def _ndcg(asked: Asked) -> float:
    grades: dict[Hashable, int] = {i: place.grade for i, place in enumerate(asked.places)}
    return retrieval.ndcg(spans.ranking(asked.met), grades, k=DEPTH)


def _ap(asked: Asked) -> float:
    return retrieval.average_precision(spans.ranking(asked.met), range(len(asked.places)))


def _characters(measure: Callable[[int, int, int], float]) -> Callable[[Asked], Score]:
    """Score by characters shared between evidence and passages: shared, evidence, passages."""

    def score(asked: Asked) -> Score:
        known = _evidence(lambda _: 0.0)(asked)
        placed = [place for place in asked.places if place.spans]
        offsets = [p for p in asked.reply.passages if p.start is not None and p.end is not None]
        if known.value is None:
            return known
        if not placed or len(offsets) < len(asked.reply.passages):
            return skip("no offsets are known")
        shared = want = have = 0
        for uri in sorted({place.uri for place in placed} | {p.uri for p in offsets}):
            ours = [(p.start or 0, p.end or 0) for p in offsets if p.uri == uri]
            gold = [_nearest(place, ours) for place in placed if place.uri == uri]
            shared += spans.overlap(ours, gold)
            want, have = want + spans.size(gold), have + spans.size(ours)
        return Score(measure(shared, want, have))

    return score


def _nearest(place: Place, ours: Sequence[Span]) -> Span:
    """Choose, of the places where a quote stands, the one that is found best."""
    return max(place.spans, key=lambda span: spans.overlap([span], ours))


def _reference(asked: Asked) -> Score:
    if not asked.case.reference:
        return skip("no reference is known")
    if not asked.answered:
        return skip(NOT_ANSWERED)
    return Score(answers.f1(asked.reply.text, asked.case.reference, asked.idf))


def _must_include(asked: Asked) -> Score:
    if not asked.case.must_include:
        return skip("nothing must be included")
    if not asked.answered:
        return skip(NOT_ANSWERED)
    return Score(answers.included(asked.reply.text, asked.case.must_include))


def _must_not(asked: Asked) -> Score:
    if not asked.case.must_not_include:
        return skip("nothing is forbidden")
    said = any(answers.holds(asked.reply.text, one) for one in asked.case.must_not_include)
    return Score(float(said))


def right(asked: Asked) -> float | None:
    """Tell whether an answer that was given is right; None where nothing tells.

    By what must be said, else by the words of the reference, else by whether it cites the
    evidence. An answer where the documents hold none is wrong.
    """
    case, text = asked.case, asked.reply.text
    if not case.answerable:
        return 0.0
    if case.must_include:
        return float(answers.included(text, case.must_include) == 1.0)
    if case.reference:
        return float(answers.recall(text, case.reference, asked.idf) >= RIGHT)
    return _cites(asked) if asked.places else None


def _right(asked: Asked) -> Score:
    if not asked.answered:
        return skip(NOT_ANSWERED)
    value = right(asked)
    return skip("nothing tells what is right") if value is None else Score(value)


def _cites(asked: Asked) -> float:
    cited = asked.reply.cited
    return float(any(spans.meets(c, c.quote, place) for c in cited for place in asked.places))


def _cites_evidence(asked: Asked) -> Score:
    known = _evidence(_cites)(asked)
    return skip(NOT_ANSWERED) if known.status == "ok" and not asked.answered else known


def carries(asked: Asked) -> citations.Carries:
    """Make the check whether quotes carry a sentence, from the words of the run."""

    def check(sentence: str, quotes: Sequence[str]) -> bool:
        held = faithfulness.knowledge(quotes)
        if faithfulness.support(sentence, held, asked.idf) < faithfulness.SUPPORTED:
            return False
        return not violations(sentence, quotes, asked.idf, asked.beside)

    return check


def _faithful(asked: Asked) -> float:
    return faithfulness.precision([one.text for one in asked.claims], asked.held, asked.idf)


def _unsupported(asked: Asked) -> float:
    said = [one.text for one in asked.claims]
    return len(faithfulness.unsupported(said, asked.held, asked.idf)) / len(said)


def _violations(asked: Asked) -> float:
    sources = [text for p in asked.reply.passages for text in (p.lead, p.text)]
    sources += [cited.quote for cited in asked.reply.cited]
    return float(
        any(violations(one.text, sources, asked.idf, asked.beside) for one in asked.claims)
    )


def _refusal(asked: Asked, *, answerable: bool, wrong: str) -> Score:
    if asked.case.answerable != answerable:
        return skip("answerable" if asked.case.answerable else "unanswerable")
    if asked.reply.outcome == "undetermined":
        return Score(None, "error", "undetermined: neither an answer nor a refusal")
    return Score(float(asked.reply.outcome == wrong))


def _false_answer(asked: Asked) -> Score:
    return _refusal(asked, answerable=False, wrong="answered")


def _over_refusal(asked: Asked) -> Score:
    return _refusal(asked, answerable=True, wrong="abstained")


def _undetermined(asked: Asked) -> Score:
    return Score(float(asked.reply.outcome == "undetermined"))


def _metric(
    name: str,
    about: str,
    score: Callable[[Asked], Score],
    better: Better = "higher",
    *,
    bounded: bool = True,
) -> Metric:
    return Metric(name=name, about=about, better=better, score=score, bounded=bounded)


NO_CITATION = "nothing is cited"
METRICS: tuple[Metric, ...] = (
    *(
        _metric(f"recall@{k}", f"share of the evidence in the first {k}", _evidence(_recall(k)))
        for k in CUTS
    ),
    *(_metric(f"hit@{k}", f"any evidence in the first {k}", _evidence(_hit(k))) for k in CUTS),
    _metric(
        "mrr",
        "one over the place of the first evidence",
        _evidence(lambda a: 1 / min(_hits(a)) if _hits(a) else 0.0),
    ),
    _metric(f"ndcg@{DEPTH}", "ranking of the evidence by its grades", _evidence(_ndcg)),
    _metric("ap", "mean precision at each piece of evidence", _evidence(_ap)),
    _metric(
        "evidence_recall",
        "share of the evidence's characters found",
        _characters(lambda s, w, _: s / w),
    ),
    _metric(
        "evidence_iou",
        "characters shared, of evidence and passages",
        _characters(lambda s, w, h: s / (w + h - s)),
    ),
    _metric("answer_f1", "words shared with the reference, by rarity", _reference),
    _metric("must_include", "share of what must be said", _must_include),
    _metric("must_not_include", "says what must not be said", _must_not, "lower"),
    _metric("right", "answers given that are right", _right),
    _metric(
        "faithfulness",
        "share of the answer's words that its sources hold, by rarity",
        _answered(_faithful, ""),
    ),
    _metric(
        "unsupported_sentences",
        "share of the sentences that the sources do not carry",
        _answered(_unsupported, ""),
        "lower",
    ),
    _metric(
        "hard_violations",
        "answers that state a number, name or negation otherwise than their sources",
        _answered(_violations, ""),
        "lower",
    ),
    _metric(
        "citation_validity",
        "citations that quote the stored text",
        _answered(lambda a: citations.validity(a.reply.cited), "no citation could be checked"),
    ),
    _metric(
        "citation_coverage",
        "claims that cite something",
        _answered(lambda a: citations.coverage(a.claims), ""),
    ),
    _metric(
        "citation_recall",
        "claims that what they cite carries",
        _answered(lambda a: citations.recall(a.claims, a.reply.cited, carries(a)), ""),
    ),
    _metric(
        "citation_precision",
        "citations that are needed",
        _answered(lambda a: citations.precision(a.claims, a.reply.cited, carries(a)), NO_CITATION),
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
