"""Make a follow-up question stand alone: "And to Norway?" is searched for with what it leans on.

By the model when there is one, and only when the question needs it; else by carrying over the
rare words of the user's turns before it that the question lacks.
"""

import re
from collections.abc import Sequence
from contextlib import aclosing

from indexes.support import Idf
from indexes.text import content, language, normalise, tokens
from ragdesk.answering import prompts
from ragdesk.answering.answer import Turn
from ragdesk.answering.generate import Generator
from ragdesk.answering.plain import plain
from ragdesk.errors import EngineFailed

SHORT = 4  # content words (Han: characters) up to which a question leans on what was said before
CARRIED = 8  # words of the conversation that are added at most
TURNS = 4  # last turns that are read
LONGEST = 400  # characters of a rewritten question; a longer one is an answer or a speech
_LEANS = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|their|he|she|his|her|one|ones|there|then|so"
    r"|same|other|another|else|instead|above|former|latter)\b"
    r"|^(?:and|but|or|what about|how about|why not|why|when|also|ok(?:ay)?|yes|no)\b"
    r"|[它他她]|[这那][个些样里儿款种]?|上述|前者|后者|同样|其[中他]|呢[?？]?$|^(?:那|还有|另外|如果是)",
)


def leans(question: str, history: Sequence[Turn]) -> bool:
    """Tell whether a question needs the conversation before it to be understood.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> leans("And to Sweden?", before), leans("And to Sweden?", [])
    (True, False)
    """
    if not history:
        return False
    words = [w for w in content(tokens(question)) if language(question) != "zh" or len(w) == 1]
    return len(set(words)) <= SHORT or bool(_LEANS.search(normalise(question).strip()))


def carried(question: str, history: Sequence[Turn], idf: Idf) -> str:
    """Add to a question the rare words of the user's last turns that it lacks.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> carried("And to Sweden?", before, lambda term: 1.0)
    'And to Sweden? What does shipping to Norway cost?'
    """
    asked = [turn.text for turn in history[-TURNS:] if turn.role == "user"]
    known = set(tokens(question))
    added: list[str] = []
    room = CARRIED
    for text in reversed(asked):
        fresh = {word for word in content(tokens(text)) if word not in known and idf(word) > 0}
        if fresh and room > 0:
            added.append(text.strip()[:LONGEST])
            known |= fresh
            room -= len(fresh)
    return " ".join([question, *added])


async def rewrite(
    question: str, history: Sequence[Turn], idf: Idf, generator: Generator | None = None
) -> str:
    """Give the question as it is to be searched for and answered.

    A model that fails, or writes a speech, changes nothing: then words are carried over.
    """
    if not leans(question, history):
        return question
    if generator is not None:
        try:
            alone = await _by_model(question, history, generator)
        except EngineFailed:
            alone = ""
        if alone:
            return alone
    return carried(question, history, idf)


async def _by_model(question: str, history: Sequence[Turn], generator: Generator) -> str:
    prompt = prompts.alone(history[-TURNS:], question, language(question))
    said = ""
    async with aclosing(generator(prompt)) as pieces:
        async for piece in pieces:
            said += piece if isinstance(piece, str) else ""
            if len(said) > LONGEST:
                return ""
    words = plain(said.strip().removeprefix("U:").strip(), question)
    return words if set(content(tokens(words))) & set(content(tokens(question))) else ""
