"""Say what a kept question is about, in the columns of its turn."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from indexes.embedding.embedder import Embedder, EmbedderCard
from ragdesk.support.insight.question_insight import (
    InsightModels,
    classify_question,
    open_insight_models,
)


class InsightClassifier:
    """Classifies questions by the classifiers of a home, which are read once for each embedder.

    Safe between threads. An operator's own intents are read when a server starts.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open_models = lru_cache(maxsize=8)(self._read_models)

    def __call__(self, question: str, embedder: Embedder | None) -> dict[str, Any]:
        """Return intent, sentiment and in_scope (1 or 0) of a question.

        embedder: of its collection; without one the words alone are read.
        """
        vector = embedder.embed_query(question) if embedder else None
        models = self._open_models(embedder.card if embedder else None)
        insight = classify_question(question, vector, models)
        return {
            "intent": insight.intent,
            "sentiment": str(insight.sentiment),
            "in_scope": float(insight.in_scope),
        }

    def _read_models(self, card: EmbedderCard | None) -> InsightModels:
        return open_insight_models(self._home, card)
