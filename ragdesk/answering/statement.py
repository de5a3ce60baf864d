"""The parts of an answer as a writer makes them: quotes, statements, notes to the desk."""

from dataclasses import dataclass

from indexes.chunk import Passage
from indexes.text.contradictions import Contradiction
from ragdesk.answering.answer import ClaimVerdict


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted span of a document, and the passage it was found in.

    start, end: offsets into the document's text. text: the characters there. question: of the FAQ
    entry it is the answer of. columns: of the table row it is of, the names of its columns.
    """

    passage: Passage
    start: int
    end: int
    text: str
    question: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of an answer, with the quotes that support it.

    support: how well it does (0..1). verdict: the verdict of a check, where there was one.
    flags: what it states otherwise than its quotes.
    """

    text: str
    quotes: tuple[Quote, ...]
    support: float
    verdict: ClaimVerdict | None = None
    flags: tuple[Contradiction, ...] = ()


@dataclass(frozen=True, slots=True)
class WriterNote:
    """A writer's note to the desk: why it stopped, and how many sentences it left out.

    reason: a code out of ``ENGINE_REASONS``. withheld: sentences that failed the check and were
    left out. answerable: false where the writer says that no passage answers the question.
    """

    reason: str = ""
    withheld: int = 0
    answerable: bool = True
