"""The state of an answer being written: text, claims, citations, and why it stopped."""

from dataclasses import dataclass, field, fields

from ragdesk.answering.answer import AnswerReason, Choice, Citation, Claim
from ragdesk.answering.quote_places import QuoteLocator
from ragdesk.answering.statement import Statement, WriterNote
from ragdesk.answering.writing.citations import FindAddress, FindLinks, cite_statement, format_claim
from ragdesk.answering.writing.writer import Writer
from ragdesk.errors import EngineFailed


@dataclass(slots=True)
class AnswerState:
    """The answer written so far, its writer, and the reason where it was not the usual one.

    last_text: the words that the last statement added. is_open: a statement was begun and not
    ended. denied: the writer says that no passage answers the question.
    choices: what the question may mean; then nothing is claimed. turn: why no question was asked;
    None where one was. is_quoted: the writer's statements were chosen already. find_links: finds
    where words of a quote lead; find_address: where people open its document.
    """

    writer: Writer
    reason: str = ""
    text: str = ""
    last_text: str = ""
    is_open: bool = False
    refused: bool = False
    denied: bool = False
    withheld: int = 0
    claims: list[Claim] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    choices: tuple[Choice, ...] = ()
    turn: AnswerReason | None = None
    is_quoted: bool = False
    find_links: FindLinks = lambda _: ()
    find_address: FindAddress = lambda _: ""

    def begin_anew(self, writer: Writer, reason: str) -> None:
        """Begin with another writer, whatever was written; why no question was asked stays."""
        fresh = AnswerState(
            writer,
            reason,
            withheld=self.withheld,
            turn=self.turn,
            find_links=self.find_links,
            find_address=self.find_address,
        )
        for part in fields(self):
            setattr(self, part.name, getattr(fresh, part.name))

    def begin_statement(self, words: str) -> str:
        """Send some words of a statement before it is whole."""
        separator = " " if self.claims and not self.is_open else ""
        self.is_open = True
        self.text += separator + words
        return separator + words

    def add_statement(
        self, statement: Statement, locate: QuoteLocator
    ) -> tuple[Claim, tuple[Citation, ...]]:
        claim, new_citations = cite_statement(
            statement, self.citations, self.find_links, locate, self.find_address
        )
        on_own_line = "\n" in statement.text or (self.claims and "\n" in self.claims[-1].text)
        self.last_text = ("\n" if on_own_line else " ") * bool(self.claims) + format_claim(claim)
        if self.is_open:
            self.last_text = format_claim(claim).removeprefix(claim.text)
        self.is_open = False
        self.text += self.last_text
        self.claims.append(claim)
        self.citations.extend(new_citations)
        return claim, new_citations

    def take_note(self, note: WriterNote, *, degrade: bool) -> None:
        """Apply a writer's note. Raises EngineFailed where nothing it wrote may be sent."""
        self.withheld, self.denied = note.withheld, not note.answerable
        if note.reason != "unsupported":
            self.reason = note.reason
        elif degrade:
            raise EngineFailed(note.reason, "No sentence of the language model passed the check.")
        else:
            self.refused = True
