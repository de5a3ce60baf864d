"""The state of an answer being written: text, claims, citations, and why it stopped."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from ragdesk.answering.answer import (
    AnswerReason,
    Choice,
    Citation,
    Claim,
    ClaimChecked,
    ClaimVerdict,
    Outcome,
    TextDelta,
)
from ragdesk.answering.decision import decide_outcome
from ragdesk.answering.messages import (
    NO_ANSWER_TEXT,
    TURN_TEXTS,
    UNSUPPORTED_TEXT,
    format_choices,
    localise_text,
)
from ragdesk.answering.quote_places import QuoteLocator
from ragdesk.answering.statement import Statement, WriterNote
from ragdesk.answering.writing.citations import FindAddress, FindLinks, cite_statement, format_claim
from ragdesk.answering.writing.writer import Writer
from ragdesk.errors import EngineFailed


@dataclass(frozen=True, slots=True)
class SettledStatements:
    """What an answer says before its writer begins, which no failure of it takes back."""

    text: str
    claims: Sequence[Claim]
    citations: Sequence[Citation]


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
    settled: SettledStatements | None = None

    @property
    def has_written(self) -> bool:
        """Whether a writer has said anything, beside what was settled before."""
        return self.text != (self.settled.text if self.settled else "")

    def settle(self) -> None:
        """Keep what was said so far, whatever becomes of the writer."""
        self.settled = SettledStatements(self.text, tuple(self.claims), tuple(self.citations))

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
        if (settled := self.settled) is not None:
            fresh.settled, fresh.text = settled, settled.text
            fresh.claims, fresh.citations = list(settled.claims), list(settled.citations)
        for part in fields(self):
            setattr(self, part.name, getattr(fresh, part.name))

    def begin_statement(self, words: str) -> str:
        """Send some words of a statement before it is whole."""
        separator = " " if self.claims and not self.is_open else ""
        self.is_open = True
        self.text += separator + words
        return separator + words

    def tell_statement(
        self, statement: Statement, locate: QuoteLocator
    ) -> tuple[TextDelta, ClaimChecked]:
        """Add a whole statement; gives the events that tell it."""
        claim, new_citations = self.add_statement(statement, locate)
        checked = ClaimChecked(
            claim=claim.text, verdict=claim.verdict, support=claim.support, citations=new_citations
        )
        return TextDelta(self.last_text), checked

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

    @property
    def is_claimless(self) -> bool:
        """Whether nothing is claimed."""
        return all(claim.verdict is ClaimVerdict.NO_CLAIM for claim in self.claims)

    @property
    def outcome(self) -> Outcome:
        """What the answer comes to. A fact that was looked up stands, whatever the writer did."""
        if self.choices:
            return Outcome.CLARIFY
        has_facts = self.settled is not None and bool(self.settled.citations)
        return (
            Outcome.UNSUPPORTED if self.refused and not has_facts else decide_outcome(self.claims)
        )

    def end_claimless(self, language: str, *, streaming: bool = False) -> str:
        """End an answer that claims nothing: with the choices, or "not in the documents".

        Returns the words that are new. streaming: what was begun was sent, and cannot be unsaid.
        """
        words = self._find_closing(language)
        separator = "\n" if streaming and self.text else ""
        self.text = f"{self.text}{separator}{words}" if streaming else words
        return separator + words

    def _find_closing(self, language: str) -> str:
        if self.choices:
            return format_choices([choice.label for choice in self.choices], language)
        if self.turn and not self.refused:
            return localise_text(TURN_TEXTS[self.turn], language)
        return localise_text(UNSUPPORTED_TEXT if self.refused else NO_ANSWER_TEXT, language)
