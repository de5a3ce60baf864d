"""The words above a chunk: document, headings, table header. Never quoted, always indexed."""

from collections.abc import Sequence

from indexes.tokenizer import Tokenizer

ARROW = " > "
_ARROW = 1  # tokens
_HEADER = 3 / 4  # of the room may go to a table's header, the rest to the headings


class Leads:
    """Writes the leads of one document's chunks, and remembers the lengths of their parts."""

    def __init__(self, title: str, tokenizer: Tokenizer) -> None:
        self._title, self._tokenizer = " ".join(title.split()), tokenizer
        self._cuts: dict[str, Sequence[int]] = {}

    def write(self, path: Sequence[str], below: str, room: int) -> str:
        """Write a lead of at most ``room`` tokens: ``Title > H1 > H2``, and ``below`` under it.

        The title is left out where the first heading holds it. What does not fit goes from the
        outside: the nearest heading says most about a chunk.
        """
        room = max(room, 0)
        below = self._short(below, int(room * _HEADER))
        room -= len(self._known(below))
        names = [" ".join(name.split()) for name in path]
        if not names or self._title.casefold() not in names[0].casefold():
            names.insert(0, self._title)
        kept: list[str] = []
        for name in filter(None, reversed(names)):
            size = len(self._known(name)) + (_ARROW if kept else 0)
            if size > room:
                kept += [] if kept else [self._short(name, room)]
                break
            kept.append(name)
            room -= size
        return "\n".join(filter(None, (ARROW.join(reversed(kept)), below)))

    def _short(self, text: str, room: int) -> str:
        while len(cuts := self._known(text)) > room:  # half a word may be more pieces than before
            text = text[: cuts[room]].rstrip()
        return text

    def _known(self, text: str) -> Sequence[int]:
        if text not in self._cuts:
            self._cuts[text] = self._tokenizer.cuts(text)
        return self._cuts[text]
