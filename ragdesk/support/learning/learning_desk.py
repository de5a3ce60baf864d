"""The way of a gap: reported, drafted, approved, published, and looked at again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np

from indexes.embedding.background import Background
from indexes.embedding.embedder import Embedder
from ragdesk.errors import Conflict, NotFound
from ragdesk.kept_cases import keep_case, read_kept_cases
from ragdesk.support.database import Database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.learning.approval import (
    LearningOptions,
    approved_uri,
    make_regression_case,
)
from ragdesk.support.learning.draft import Draft
from ragdesk.support.learning.draft_answers import FindPersonalData
from ragdesk.support.learning.draft_store import DraftStore
from ragdesk.support.learning.entry_effect import EntryEffect, count_effects
from ragdesk.support.learning.gap import Gap
from ragdesk.support.learning.gap_questions import collect_gap_questions, iter_kept_answers
from ragdesk.support.learning.gap_report import DAY_SECONDS, GapOptions, build_gap_report
from ragdesk.support.learning.question_clusters import Vectors

MOST_VECTORS: Final = 20_000  # of questions, kept: 30 MB at 384 dimensions


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReview:
    """What whoever approves a draft says of it.

    person: who they are. personal_checked: they looked at the personal data that was found in it.
    """

    person: str
    personal_checked: bool = False


class QuestionVectors:
    """Embeds questions, and keeps the vectors of those it has embedded. Safe between threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Vectors] = OrderedDict()
        self._lock = Lock()

    def embed(
        self, embedder: Embedder, background: Background, texts: Sequence[str], language: str
    ) -> tuple[Vectors, Vectors | None]:
        """Return vectors (n, dim), and what questions of a language share (dim,), or None."""
        model = f"{embedder.card.name} {embedder.card.revision}"
        rows = [self._embed_one(embedder, model, text) for text in texts]
        dim = embedder.card.dim
        vectors = np.stack(rows) if rows else np.zeros((0, dim), dtype=np.float32)
        shared = background.mean_question(language) if language in background.questions else None
        return vectors, shared

    def _embed_one(self, embedder: Embedder, model: str, text: str) -> Vectors:
        with self._lock:
            if (kept := self._kept.get((model, text))) is not None:
                self._kept.move_to_end((model, text))
                return kept
        vector = embedder.embed_query(text)
        if vector is None:  # a model that reads no such text: each is a question of its own
            rng = np.random.default_rng(abs(hash(text)))
            vector = rng.normal(size=embedder.card.dim).astype(np.float32)
        with self._lock:
            self._kept[model, text] = vector
            while len(self._kept) > MOST_VECTORS:
                self._kept.popitem(last=False)
        return vector


class LearningDesk:
    """Gaps and drafts of a desk. Every call blocks; safe to share between threads.

    find_personal: gives the kinds of personal data in a text.
    """

    def __init__(
        self,
        database: Database,
        cipher: TextCipher,
        options: LearningOptions,
        find_personal: FindPersonalData,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.drafts = DraftStore(database, cipher)
        self.options = options
        self.find_personal = find_personal
        self._database = database
        self._cipher = cipher
        self._now = now
        self._vectors = QuestionVectors()

    def report_gaps(
        self,
        collection: str,
        embedder: Embedder,
        background: Background,
        options: GapOptions,
    ) -> tuple[Gap, ...]:
        """Return the gaps of a collection, the most pressing first."""
        now = int(self._now())
        since = now - options.days * DAY_SECONDS
        questions = collect_gap_questions(self._database, self._cipher, since, [collection])

        def embed(texts: Sequence[str], language: str) -> tuple[Vectors, Vectors | None]:
            return self._vectors.embed(embedder, background, texts, language)

        return build_gap_report(questions, embed, now, options)

    def find_gap(self, gaps: Sequence[Gap], name: str) -> Gap:
        """Find a gap by its id. Raises NotFound: it may have been answered meanwhile."""
        for gap in gaps:
            if gap.id == name:
                return gap
        raise NotFound("No such gap in this period. It may have been answered meanwhile.")

    def approve(self, name: str, review: DraftReview) -> Draft:
        """Approve a draft. Raises NotFound, Conflict.

        Personal data that was found in it has to be looked at: it would be shown to everybody.
        """
        draft = self.drafts.find(name)
        if draft.personal and not review.personal_checked:
            kinds = ", ".join(draft.personal)
            raise Conflict(
                f"This draft may hold personal data ({kinds}). Take it out, or send "
                '"personal_checked": true if it is none.'
            )
        return self.drafts.approve(name, review.person, needed=self.options.approvals)

    def note_published(self, uri: str, folder: Path) -> None:
        """Note that an entry was taken in, and keep its question as a case of the collection.

        uri: of its document. folder: of its collection. Raises Invalid for a file of cases that
        holds something else, or is full.
        """
        for draft in self.drafts.list_approved():
            if approved_uri(draft) == uri:
                self.drafts.mark_published(draft.id, uri)
                case = make_regression_case(draft, uri)
                if all(other.id != case.id for other in read_kept_cases(folder)):
                    keep_case(folder, case)

    def measure_effects(
        self, drafts: Sequence[Draft], collections: Collection[str] | None
    ) -> Mapping[str, EntryEffect]:
        """Count, for each published draft's uri, the answers that cite it since."""
        uris = [draft.uri for draft in drafts if draft.uri]
        if not uris:
            return {}
        since = min(draft.created for draft in drafts if draft.uri)
        answers = iter_kept_answers(self._database, self._cipher, since, collections)
        return count_effects(answers, uris)
