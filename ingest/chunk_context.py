"""Write the lead of a chunk: document title, headings and table header above its text.

It is embedded, indexed and shown to a model with the chunk, and never quoted.
"""

from collections.abc import Sequence

from indexes.embedding.tokenizer import Tokenizer

LEAD_SEPARATOR = " > "
_ARROW_TOKENS = 1  # tokens
_HEADER_SHARE = 3 / 4  # of the room may go to a table's header, the rest to the headings


class LeadWriter:
    """Write the leads of one document's chunks; token positions of headings are cached."""

    def __init__(self, title: str, tokenizer: Tokenizer) -> None:
        self._title = " ".join(title.split())
        self._tokenizer = tokenizer
        self._cuts: dict[str, Sequence[int]] = {}

    def write_lead(self, path: Sequence[str], last_line: str, max_tokens: int) -> str:
        """Write a lead of at most `max_tokens` tokens: `Title > H1 > H2`, and `last_line` under it.

        The title is left out where the first heading contains it. What does not fit is dropped from
        the outermost heading inwards, as the nearest one says most about a chunk.
        """
        max_tokens = max(max_tokens, 0)
        last_line = self._truncate(last_line, int(max_tokens * _HEADER_SHARE))
        max_tokens -= len(self._token_starts(last_line))
        names = [" ".join(name.split()) for name in path]
        if not names or self._title.casefold() not in names[0].casefold():
            names.insert(0, self._title)
        parts: list[str] = []
        for name in filter(None, reversed(names)):
            size = len(self._token_starts(name)) + (_ARROW_TOKENS if parts else 0)
            if size > max_tokens:
                parts += [] if parts else [self._truncate(name, max_tokens)]
                break
            parts.append(name)
            max_tokens -= size
        return "\n".join(filter(None, (LEAD_SEPARATOR.join(reversed(parts)), last_line)))

    def _truncate(self, text: str, max_tokens: int) -> str:
        cuts = self._token_starts(text)
        while len(cuts) > max_tokens:  # again, as half a word may be more pieces than before
            text = text[: cuts[max_tokens]].rstrip()
            cuts = self._token_starts(text)
        return text

    def _token_starts(self, text: str) -> Sequence[int]:
        if text not in self._cuts:
            self._cuts[text] = self._tokenizer.token_starts(text)
        return self._cuts[text]
