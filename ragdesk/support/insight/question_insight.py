"""Say what a question is about: its language, its intent or none of them, and its sentiment.

For figures and alerts of a support desk; no answer depends on it. The vector is the one that
retrieval made of the question, so that all this costs less than a millisecond.
"""

import logging
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from indexes.embedding.embedder import EmbedderCard
from indexes.search_results import Vectors
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.turns.text_classifier import shorten_revision
from ragdesk.support.insight.insight_model import InsightModel, read_insight_model

PACKAGED_INTENTS: Final = Path(__file__).with_name("intents.safetensors")
PACKAGED_SENTIMENT: Final = Path(__file__).with_name("sentiment.safetensors")
OWN_INTENTS: Final = Path("insight", "intents.safetensors")
"""Where ``ragdesk insight train`` keeps an operator's classifier, in the home."""

log = logging.getLogger("ragdesk")


class Sentiment(StrEnum):
    """How somebody feels about what they write of."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionInsight:
    """What a question is about.

    language: ``en``, ``zh`` or ``und``. intent: None where none of them fits. intent_score: its
    likelihood (0..1), or that of the nearest one. in_scope: whether one of the intents fits.
    sentiment_score: from -1 (surely negative) to 1 (surely positive).
    """

    language: str
    intent: str | None
    intent_score: float
    in_scope: bool
    sentiment: Sentiment
    sentiment_score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightModels:
    """The classifiers of a home and the embedder whose vectors they read.

    digest: of that embedder; empty where the words alone are read. notice: why an operator's own
    classifier is not used, and what to do; None where there is none, or it is used.
    """

    intents: InsightModel
    sentiment: InsightModel
    digest: str
    notice: str | None = None


def classify_question(
    text: str, vector: Vectors | None = None, models: InsightModels | None = None
) -> QuestionInsight:
    """Return what a question is about.

    vector: of the question (dim,), by the embedder that ``models`` was opened for; None where
    there is none. models: of ``open_insight_models``; by default the packaged ones, words alone.

    >>> insight = classify_question("Where is my refund?")
    >>> insight.language, insight.intent, insight.in_scope
    ('en', 'refund_status', True)
    """
    models = models or open_insight_models()
    intent, score = models.intents.choose_label(text, vector, models.digest)
    feelings = models.sentiment.score_labels(text, vector, models.digest)
    return QuestionInsight(
        language=analyze_question(text).language,
        intent=intent,
        intent_score=score,
        in_scope=intent is not None,
        sentiment=Sentiment(max(feelings, key=feelings.__getitem__)),
        sentiment_score=feelings[Sentiment.POSITIVE] - feelings[Sentiment.NEGATIVE],
    )


def open_insight_models(
    home: Path | None = None, card: EmbedderCard | None = None
) -> InsightModels:
    """Open the classifiers of a home: the operator's own where it fits the embedder.

    card: of the embedder that makes the vectors. An own classifier that was trained under another
    embedder is left aside, with a notice that is logged. Raises ModelMissing where a file is
    damaged.
    """
    digest = "" if card is None else shorten_revision(card)
    intents, notice = _read_packaged(PACKAGED_INTENTS), None
    if home is not None and (file := home / OWN_INTENTS).exists():
        own = read_insight_model(file)
        trained = own.card["embedder"]
        if trained["digest"] == digest:
            intents = own
        else:
            notice = (
                f"{file} was trained under the embedder {trained['name']} ({trained['digest']}), "
                f"and this desk's is {card.name if card else 'none'} ({digest}): the packaged "
                "intents hold. Train it again: ragdesk insight train FILE."
            )
            log.warning("%s", notice)
    sentiment = _read_packaged(PACKAGED_SENTIMENT)
    return InsightModels(intents=intents, sentiment=sentiment, digest=digest, notice=notice)


@cache
def _read_packaged(file: Path) -> InsightModel:
    return read_insight_model(file)
