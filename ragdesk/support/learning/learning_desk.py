"""The way of a gap: reported, drafted, approved, published, and looked at again."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np

from indexes.embedding.background import Background
from indexes.embedding.embedder import Embedder
from indexes.search_results import Vectors
from ragdesk.errors import NotFound
from ragdesk.kept_cases import keep_case, read_kept_cases
from ragdesk.support.conversations.retention import DAY_SECONDS
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
from ragdesk.support.learning.gap_questions import (
    MaySeeAnswer,
    collect_gap_questions,
    iter_kept_answers,
)
from ragdesk.support.learning.gap_report import (
    EmbedQuestions,
    GapOptions,
    build_gap_report,
)
from ragdesk.support.learning.question_clusters import count_near
from ragdesk.support.learning.ticket_drafts import TicketReading, draft_tickets
from ragdesk.support.learning.ticket_exports import Ticket

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
            if (known_vector := self._kept.get((model, text))) is not None:
                self._kept.move_to_end((model, text))
                return known_vector
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

    find_personal: gives the kinds of personal data in a text. redact: gives a text as it may be
    kept.
    """

    def __init__(  # noqa: PLR0913, made in one place
        self,
        database: Database,
        cipher: TextCipher,
        options: LearningOptions,
        *,
        find_personal: FindPersonalData,
        redact: Callable[[str], str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.drafts = DraftStore(database, cipher)
        self.options = options
        self.find_personal = find_personal
        self.redact = redact
        self._database = database
        self._cipher = cipher
        self._now = now
        self._vectors = QuestionVectors()

    def make_embed(self, embedder: Embedder, background: Background) -> EmbedQuestions:
        """Make what embeds questions by a collection's embedder, each text once."""

        def embed(texts: Sequence[str], language: str) -> tuple[Vectors, Vectors | None]:
            return self._vectors.embed(embedder, background, texts, language)

        return embed

    def report_gaps(
        self,
        collection: str,
        embed: EmbedQuestions,
        options: GapOptions,
        may_see: MaySeeAnswer | None = None,
    ) -> tuple[Gap, ...]:
        """Return the gaps of a collection, the most pressing first.

        may_see: leaves out questions about documents that the reader may not see.
        """
        now = int(self._now())
        since = now - options.days * DAY_SECONDS
        questions = collect_gap_questions(
            self._database, self._cipher, since, [collection], may_see
        )
        return build_gap_report(questions, embed, now, options)

    def find_gap(self, gaps: Sequence[Gap], name: str) -> Gap:
        """Find a gap by its id. Raises NotFound: it may have been answered meanwhile."""
        for gap in gaps:
            if gap.id == name:
                return gap
        raise NotFound("No such gap in this period. It may have been answered meanwhile.")

    def approve(self, name: str, review: DraftReview) -> Draft:
        """Approve a draft. Raises NotFound, WrongState."""
        return self.drafts.approve(
            name,
            review.person,
            needed=self.options.approvals,
            personal_checked=review.personal_checked,
        )

    def import_tickets(
        self, tickets: Sequence[Ticket], collection: str, author: str, embed: EmbedQuestions
    ) -> list[Draft]:
        """Return a draft for each question of past tickets, their personal data taken out.

        Nothing is stored yet.
        """
        reading = TicketReading(
            embed=embed,
            redact=self.redact,
            find_personal=self.find_personal,
            options=GapOptions(),
        )
        return draft_tickets(tickets, collection, author, reading)

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
        self,
        drafts: Sequence[Draft],
        collection: str,
        embed: EmbedQuestions,
        may_see: MaySeeAnswer | None = None,
    ) -> Mapping[str, EntryEffect]:
        """Measure what the published ones of a collection's drafts did since, by their uri.

        may_see: leaves out questions about documents that the reader may not see.
        """
        entries = [draft for draft in drafts if draft.published and draft.collection == collection]
        if not entries:
            return {}
        published = {draft.uri: draft.published or 0 for draft in entries}
        since = min(published.values())
        answers = iter_kept_answers(self._database, self._cipher, since, collection, may_see)
        misses = self._count_misses(entries, since, embed, may_see)
        return count_effects(answers, published, misses)

    def _count_misses(
        self,
        entries: Sequence[Draft],
        since: int,
        embed: EmbedQuestions,
        may_see: MaySeeAnswer | None,
    ) -> dict[str, int]:
        """Count how often the questions of entries went wrong since each was published."""
        floor = GapOptions().floor
        collection = entries[0].collection
        questions = collect_gap_questions(
            self._database, self._cipher, since, [collection], may_see
        )
        counts: dict[str, int] = {}
        for entry in entries:
            own = [
                question
                for question in questions
                if question.time >= (entry.published or 0)
                and question.language == entry.language
                and entry.uri not in question.cited  # counted among the answers that cite it
            ]
            texts = [entry.question, *(question.text for question in own)]
            vectors, shared = embed(texts, entry.language)
            counts[entry.uri] = count_near(vectors, shared, floor)
        return counts
