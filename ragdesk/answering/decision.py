"""Decide whether to answer: before anything is written, and once it is. Pure.

The likelihood is that the answer is right where units were compared by vectors, and that the
passages hold an answer elsewhere; comments beside the coefficients say what they were fitted on.
``python -m tests.lab.quality.refusal`` and ``rightness`` measure what they cost: answers given
where there is none, and refusals where there is one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ragdesk.answering.answer import Claim, ClaimVerdict, Outcome


@dataclass(frozen=True, slots=True)
class LikelihoodFit:
    """A logistic regression over signals."""

    intercept: float
    weights: Mapping[str, float]

    def weigh(self, signals: Mapping[str, float]) -> float:
        """Return the log-odds."""
        return self.intercept + sum(
            weight * signals.get(name, 0.0) for name, weight in self.weights.items()
        )


# The likelihood that the answer is right, by the language of the question, where it was compared by
# vectors and words find passages: by tests/lab/quality/decision_fit.py, on answers to the
# development half of XQuAD with and without the paragraph, and to the sample company's cases and to
# customers' questions over four help centres, these with and without the section that answers;
# every set and side weighs the same; three parts of the fit to the models that compared sentences
# before, and one of the fit to what they have learnt since, which alone refuses literal questions
# oftener. ``answer…`` are of the unit that would be said. By hand: names
# weigh the same in both languages (the fits say .23 and 1.86, of few questions that name what the
# documents do not); what is asked for by code, number, article or range is settled by rules, not
# by closeness. Intercepts are moved, too: so that the sample company's bounds hold.
NO_CODE_WEIGHT: Final = -2.0  # all codes that are asked about are unknown to what would be said
_BY_HAND: Final = LikelihoodFit(
    0.0,
    {
        "answer_names": 1.4,
        "answer_no_code": NO_CODE_WEIGHT,
        "answer_section": 6.0,  # the article or annex that is asked for by its number was found
        "answer_figures": 2.0,  # 53 of 81 such answers were right
        "answer_fits": 3.2,  # 8 of 10 such answers were right
        "named": 1.8,
        "answer_code": 2.0,
    },
)
# Where a question is in the documents' own words, down to codes and numbers, its sentence need not
# stand out.
LITERAL_COVERAGE, LITERAL_WEIGHT = 0.75, 2.2
ANSWER_FITS: Final = {
    "en": LikelihoodFit(
        -8.55,
        {
            "answer_match": 4.32,
            "answer_spread": 6.9,
            "answer_far": -15.67,
            "answer_place": 0.57,
            "dense": 3.4,
            "gap": 4.56,
        },
    ),
    "zh": LikelihoodFit(
        -16.8,
        {
            "answer_match": 9.28,
            "answer_spread": 9.29,
            "answer_place": 0.85,
            "dense": 7.6,
            "gap": 2.01,
            "coverage": 0.5,
        },
    ),
}
# Where few units were compared, so that nothing says what is usual: a small collection. Fitted to
# what the models knew before they learnt on all help texts, and not again since.
FEW_UNITS_FITS: Final = {
    "en": LikelihoodFit(
        -6.35,
        {
            "answer_match": 5.65,
            "answer_far": -17.5,
            "answer_place": 1.48,
            "dense": 3.88,
            "gap": 8.28,
        },
    ),
    "zh": LikelihoodFit(
        -12.3,
        {
            "answer_match": 12.16,
            "dense": 6.18,
            "gap": 12.75,
        },
    ),
}
# The same where no model that learnt compared a unit: with an embedder of the operator's, without
# the learnt files' models, where all passages are of another language. Made before there were any.
OTHER_EMBEDDER_FITS: Final = {
    "en": LikelihoodFit(
        -5.15,
        {
            "answer": 0.33,
            "dense": 4.26,
            "coverage": 1.07,
            "gap": 3.14,
            "answer_place": 1.65,
            "answer_nearest": 1.0,
            "answer_names": 0.8,
            "answer_no_code": NO_CODE_WEIGHT,
            "answer_section": 2.0,
        },
    ),
    "zh": LikelihoodFit(
        -5.72,
        {
            "answer": 2.9,
            "dense": 4.51,
            "coverage": 0.96,
            "gap": 7.82,
            "answer_place": 0.77,
            "answer_nearest": 0.1,
            "answer_names": 0.8,
            "answer_no_code": NO_CODE_WEIGHT,
            "answer_section": 2.0,
        },
    ),
}
# Logistic regressions over the signals of ``retrieve``, by tests/lab/quality/refusal.py: one for
# questions that were also compared by vector, one for those that were found by their words alone,
# and one for what only vectors can find: passages in another language than the question, and all
# while the words of a collection are off.
INTERCEPT, WEIGHTS = -3.12, {"lexical": 3.4, "dense": 3.8, "focus": 1.5, "coverage": 0.85}
VECTORS_INTERCEPT, VECTORS_WEIGHTS = -9.5, {"dense": 8.0, "top": 32.0}
WORDS_INTERCEPT, WORDS_WEIGHTS = -2.4, {"lexical": 2.7, "focus": 1.74, "coverage": 2.41}
NAMES_WEIGHT, FAQ_WEIGHT = (
    2.0,
    2.0,
)  # every name of the question was met; an FAQ entry has just this question


def answer_likelihood(signals: Mapping[str, float]) -> float:
    """Return the likelihood (0..1) that the retrieved passages answer the question.

    >>> answer_likelihood({}) < 0.21
    True
    >>> answer_likelihood({"lexical": 0.6, "dense": 0.6, "focus": 1.0}) > 0.8
    True
    """
    if signals.get("words") == 0:
        return 0.0
    vectors_alone = signals.get("vectors_alone", 0.0) > 0
    own = FAQ_WEIGHT * signals.get("faq", 0.0)
    if "unit" in signals and signals.get("dense", 0.0) > 0:
        own = _weigh_answer(signals)
        if not vectors_alone:
            return _to_likelihood(own)
    z = _weigh_passages(signals)
    if vectors_alone and "answer_spread" in signals:
        z = min(z, own)  # both the passage and what would be said of it have to be likely
    elif vectors_alone and signals.get("answer_own_language", 0.0) > 0:
        # passages of another language are the best, and what would be said is in the question's
        z = (z + own) / 2
    return _to_likelihood(z)


def passage_likelihood(signals: Mapping[str, float]) -> float:
    """Return the likelihood (0..1) that the passages hold an answer, whatever would be said."""
    return 0.0 if signals.get("words") == 0 else _to_likelihood(_weigh_passages(signals))


def _weigh_passages(signals: Mapping[str, float]) -> float:
    """Return the log-odds that the passages hold an answer."""
    z, weights = WORDS_INTERCEPT, WORDS_WEIGHTS
    if signals.get("dense", 0.0) > 0:
        is_foreign = signals.get("vectors_alone", 0.0) > 0
        z, weights = (VECTORS_INTERCEPT, VECTORS_WEIGHTS) if is_foreign else (INTERCEPT, WEIGHTS)
    for name, weight in weights.items():
        z += weight * signals.get(name, 0.0)
    return z + NAMES_WEIGHT * signals.get("named", 0.0) + FAQ_WEIGHT * signals.get("faq", 0.0)


def _weigh_answer(signals: Mapping[str, float]) -> float:
    """Return the log-odds that what would be said is right."""
    language = "zh" if signals.get("chinese") else "en"
    if "answer_match" not in signals:
        by_hand = FAQ_WEIGHT * signals.get("faq", 0.0)
        return by_hand + OTHER_EMBEDDER_FITS[language].weigh(signals)
    fits = ANSWER_FITS if "answer_spread" in signals else FEW_UNITS_FITS
    return weigh_rules(signals) + fits[language].weigh(signals)


RULE_SIGNALS: Final = frozenset({*_BY_HAND.weights, "faq"})
"""The signals whose weights are set by hand."""


def weigh_rules(signals: Mapping[str, float]) -> float:
    """Return the log-odds that are set by hand: of names, codes, figures and literal questions."""
    literal = max(signals.get("coverage", 0.0) - LITERAL_COVERAGE, 0.0) / (1 - LITERAL_COVERAGE)
    by_hand = _BY_HAND.weigh(signals) + FAQ_WEIGHT * signals.get("faq", 0.0)
    return LITERAL_WEIGHT * literal + by_hand


def _to_likelihood(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def decide_outcome(claims: Sequence[Claim]) -> Outcome:
    """Return the outcome of an answer from its claims.

    Sentences that claim nothing are nothing.
    """
    if all(c.verdict is ClaimVerdict.NO_CLAIM for c in claims):
        return Outcome.NOT_FOUND
    is_supported = any(c.verdict in {ClaimVerdict.SUPPORTED, ClaimVerdict.PARTIAL} for c in claims)
    return Outcome.ANSWERED if is_supported else Outcome.UNSUPPORTED
