"""Make a follow-up question stand alone: "And to Norway?" is searched for with what it leans on.

By the model when there is one, and only when the question needs it; else by carrying over the
rare words of the user's turns before it that the question lacks. People change the subject: a
short question that points at nothing, and that the documents answer, stands alone already.
"""

import re
from collections.abc import Sequence
from contextlib import aclosing

from indexes.support import Idf
from indexes.text import content, language, normalise, tokens
from ragdesk.answering import prompts
from ragdesk.answering.answer import Turn
from ragdesk.answering.generate import Writing
from ragdesk.answering.plain import plain
from ragdesk.errors import EngineFailed

SHORT = 4  # content words (Han: characters) up to which a question may lean on what was said
LONG = 12  # of these, from which a word that points back points into the question itself
ALONE = 0.5  # likelihood of an answer from which a short question is taken as it stands
CARRIED = 8  # words of the conversation that are added at most
TURNS = 4  # last turns that are read
LONGEST = 400  # characters of a rewritten question; a longer one is an answer or a speech
_POINTS = re.compile(
    r"\b(?:it|its|they|them|their|he|she|his|her|this|these|those|former|latter)\b"
    r"|\b(?:is|was|does|do|did|about|of|with|for|to|in|on|after|before|like|than|by|from) that\b"
    r"|\b(?:that|there|one|ones|so|else|instead|same|another|other|above)\W*$"
    r"|^(?:and|but|or|what about|how about|also|ok(?:ay)?|yes|no)\b"
    r"|^(?:why|when|where|who|how(?: much| many| long| often| far)?)(?: not| so)?\W*$"
    r"|(?<![吉耳排利])[它他她]|[这那][个些样里儿款种]?|上述|前者|后者|同样|其[中他]|呢[?？]?$|^(?:那|还有|另外|如果是)",
)

_DEPARTMENT = re.compile(r"\bIT(?![\w?？.!])\s*")


def points(question: str) -> bool:
    """Tell whether a question points at what was said before it: "And to Sweden?", "那会员呢？".

    >>> points("How much is that?"), points("When is the shop open?"), points("那会员呢？")
    (True, False, True)
    """
    return len(_said(question)) <= LONG and bool(_POINTS.search(spoken(question)))


def spoken(question: str) -> str:
    """Normalise a question, without the IT that is a department: lower case would point with it.

    >>> spoken("Who approves IT purchases?"), spoken("CAN I RETURN IT?")
    ('who approves purchases?', 'can i return it?')
    """
    named = question if question.isupper() else _DEPARTMENT.sub("", question)
    return normalise(named).strip()


def leans(question: str, history: Sequence[Turn]) -> bool:
    """Tell whether a question may need the conversation before it: it points back, or is short.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> leans("And to Sweden?", before), leans("And to Sweden?", [])
    (True, False)
    """
    return bool(history) and (len(_said(question)) <= SHORT or points(question))


def _said(question: str) -> set[str]:
    """Give the content words of a question (Han: characters)."""
    chinese = language(question) == "zh"
    return {word for word in content(tokens(question)) if not chinese or len(word) == 1}


def carried(question: str, history: Sequence[Turn], idf: Idf) -> str:
    """Add to a question the rare words of the user's last turns that it lacks.

    Turns in another language bring nothing: their words would find other documents.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> carried("And to Sweden?", before, lambda term: 1.0)
    'And to Sweden? What does shipping to Norway cost?'
    """
    spoken = {language(question), "und"}
    turns = (turn.text for turn in history[-TURNS:] if turn.role == "user")
    asked = [text for text in turns if language(text) in spoken]
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
    question: str, history: Sequence[Turn], idf: Idf, generator: Writing | None = None
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


async def _by_model(question: str, history: Sequence[Turn], generator: Writing) -> str:
    prompt = prompts.alone(history[-TURNS:], question, language(question))
    said = ""
    async with aclosing(generator(prompt)) as pieces:
        async for piece in pieces:
            said += piece if isinstance(piece, str) else ""
            if len(said) > LONGEST:
                return ""
    words = plain(said.strip().removeprefix("U:").strip(), question)
    return words if set(content(tokens(words))) & set(content(tokens(question))) else ""
