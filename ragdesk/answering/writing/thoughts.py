"""Keep a model's thoughts out of its answer, wherever it writes them.

A server with a reasoning parser sends thoughts in a member of their own, which is only noted here.
Others leave them among the words: between ``<think>`` and ``</think>``, or with the closing tag
alone, as the chat template of some models has written the opening one. Documents and questions
bring no such tag into a prompt (``indexes/text/chat_markers.py``), so it is the model's own.
"""

import re

from ragdesk.answering.writing.generator import Retraction
from ragdesk.answering.writing.openai_stream import StreamEvent
from ragdesk.errors import EngineFailed

LONGEST_THOUGHTS = 1 << 18  # characters that wait for a closing tag; 8,192 tokens are some 40,000
_NAME = "(?:think(?:ing)?|thoughts?|reasoning|seed:think)"
_OPENING = re.compile(rf"(?i:<{_NAME}>)|\[THINK\]|◁think▷")
_CLOSING = re.compile(rf"(?i:</{_NAME}>)|\[/THINK\]|◁/think▷")
_TAG = re.compile(f"{_OPENING.pattern}|{_CLOSING.pattern}")
# What may become a tag with the next piece.
_TAG_BEGINNING = re.compile(r"(?:(?i:</?[a-z:]{0,10})|\[/?[THINK]{0,5}|◁/?[think]{0,5})\Z")


class ThoughtFilter:
    """Takes the pieces of one reply, and gives those of the answer.

    has_words: the answer has begun. has_thoughts: the model has thought. is_unopened: a closing
    tag came without the opening one.
    """

    def __init__(self, *, waits: bool = False) -> None:
        """Begin a reply. waits: words are held back until a tag closes the thoughts, or it ends."""
        self.has_words = self.has_thoughts = self.is_unopened = False
        self._waits, self._inside = waits, False
        self._tail = ""  # what may become a tag
        self._waiting: list[str] = []  # words that may turn out to be thoughts
        self._waiting_length = 0

    @property
    def is_thinking(self) -> bool:
        """Tell whether the model has thought, and has said nothing yet."""
        return not self.has_words and (self.has_thoughts or bool(self._waiting))

    def read_event(self, event: StreamEvent) -> list[str | Retraction]:
        """Read an event of a server's stream; return the words of the answer in it.

        Raises EngineFailed: see ``finish``.
        """
        if event.thinks:  # the server tells thoughts apart, so the words are none
            self.has_thoughts, self._waits = True, False
        parts = self.feed(event.text)
        return [*parts, *self.finish(event.stop)] if event.stop else parts

    def feed(self, piece: str) -> list[str | Retraction]:
        """Read a piece of the reply; return the words of the answer in it, in order.

        >>> thoughts = ThoughtFilter()
        >>> [*thoughts.feed("<thi"), *thoughts.feed("nk>Hm.</think>30"), *thoughts.feed(" days")]
        ['30', ' days']
        >>> thoughts.feed("</think>")
        [Retraction()]
        """
        text, at = self._tail + piece, 0
        parts: list[str | Retraction] = []
        for tag in _TAG.finditer(text):
            parts += self._take_words(text[at : tag.start()])
            parts += self._take_tag(opens=_OPENING.fullmatch(tag[0]) is not None)
            at = tag.end()
        beginning = _TAG_BEGINNING.search(text, at)
        end = beginning.start() if beginning else len(text)
        self._tail = text[end:]
        return [*parts, *self._take_words(text[at:end])]

    def finish(self, stop: str) -> list[str | Retraction]:
        """Return the last words. stop: why the model stopped.

        Raises EngineFailed where there were thoughts, or a whole budget was used, and no word of
        an answer: that says nothing about the documents.
        """
        self._waits = False
        parts = self._take_words(self._tail)
        self._tail = ""
        if not self.has_words and (self.has_thoughts or stop == "length"):
            raise EngineFailed(
                "thoughts_only", "The language model thought and wrote no answer.", can_retry=False
            )
        return parts

    def _take_words(self, words: str) -> list[str | Retraction]:
        if self._inside or not (words or self._waiting):
            return []
        if self._waits:
            self._waiting.append(words)
            self._waiting_length += len(words)
            if self._waiting_length > LONGEST_THOUGHTS:
                raise EngineFailed("garbage", "The language model's thoughts have no end.")
            return []
        text = "".join([*self._waiting, words])
        self._waiting.clear()
        self.has_words = self.has_words or bool(text.strip())
        return [text]

    def _take_tag(self, *, opens: bool) -> list[str | Retraction]:
        self.has_thoughts = True
        unopened = not opens and not self._inside
        self._inside, self._waits = opens, False
        if not unopened:
            return []
        self.is_unopened = True
        self._waiting.clear()
        retracts, self.has_words = self.has_words, False
        return [Retraction()] if retracts else []
