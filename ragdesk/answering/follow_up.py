"""Make a follow-up question stand alone: "And to Norway?" is searched for with what it leans on.

By the model when there is one, and only when the question needs it; else by carrying over the
rare words of the user's turns before it that the question lacks. People change the subject: a
short question that points at nothing, and that the documents answer, stands alone already.
"""

import re
from collections.abc import Sequence
from contextlib import aclosing

from indexes.text.coverage import Idf
from indexes.text.folding import normalise_text
from indexes.text.scripts import detect_language
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.answer import Turn
from ragdesk.answering.writing import prompts
from ragdesk.answering.writing.generator import GenerateText
from ragdesk.answering.writing.sanitize import sanitize_text
from ragdesk.errors import EngineFailed

SHORT_QUESTION = (
    4  # content words (Han: characters) up to which a question may lean on what was said
)
LONG_QUESTION = 12  # of these, from which a word that points back points into the question itself
STANDALONE_LIKELIHOOD = (
    0.5  # likelihood of an answer from which a short question is taken as it stands
)
CARRIED_WORDS = 8  # words of the conversation that are added at most
CARRIED_TURNS = 4  # last turns that are read
LONGEST_REWRITE = 400  # characters of a rewritten question; a longer one is an answer or a speech
_BACK_REFERENCE = re.compile(
    r"\b(?:it|its|they|them|their|he|she|his|her|this|these|those|former|latter)\b"
    r"|\b(?:is|was|does|do|did|about|of|with|for|to|in|on|after|before|like|than|by|from) that\b"
    r"|\b(?:that|there|one|ones|so|else|instead|same|another|other|above)\W*$"
    r"|^(?:and|but|or|what about|how about|also|ok(?:ay)?|yes|no)\b"
    r"|^(?:why|when|where|who|how(?: much| many| long| often| far)?)(?: not| so)?\W*$"
    r"|(?<![吉耳排利])[它他她]|[这那][个些样里儿款种]?|上述|前者|后者|同样|其[中他]|呢[?？]?$|^(?:那|还有|另外|如果是)",
)

_DEPARTMENT = re.compile(r"\bIT(?![\w?？.!])\s*")


def refers_back(question: str) -> bool:
    """Tell whether a question points at what was said before it: "And to Sweden?", "那会员呢？".

    >>> refers_back("How much is that?"), refers_back("那会员呢？")
    (True, True)
    >>> refers_back("When is the shop open?")
    False
    """
    return len(_question_words(question)) <= LONG_QUESTION and bool(
        _BACK_REFERENCE.search(normalise_question(question))
    )


def normalise_question(question: str) -> str:
    """Normalise a question without "IT", the department: in lower case it would refer back.

    >>> normalise_question("Who approves IT purchases?"), normalise_question("CAN I RETURN IT?")
    ('who approves purchases?', 'can i return it?')
    """
    without_department = question if question.isupper() else _DEPARTMENT.sub("", question)
    return normalise_text(without_department).strip()


def needs_context(question: str, history: Sequence[Turn]) -> bool:
    """Tell whether a question may need the conversation before it: it points back, or is short.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> needs_context("And to Sweden?", before), needs_context("And to Sweden?", [])
    (True, False)
    """
    return bool(history) and (
        len(_question_words(question)) <= SHORT_QUESTION or refers_back(question)
    )


def _question_words(question: str) -> set[str]:
    """Return the content words of a question; of a Chinese one, its characters."""
    chinese = detect_language(question) == "zh"
    return {
        word for word in drop_stopwords(tokenize_text(question)) if not chinese or len(word) == 1
    }


def carry_words_over(question: str, history: Sequence[Turn], idf: Idf) -> str:
    """Add to a question the rare words of the user's last turns that it lacks.

    Turns in another language bring nothing: their words would find other documents.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> carry_words_over("And to Sweden?", before, lambda term: 1.0)
    'And to Sweden? What does shipping to Norway cost?'
    """
    languages = {detect_language(question), "und"}
    turns = (turn.text for turn in history[-CARRIED_TURNS:] if turn.role == "user")
    earlier_questions = [text for text in turns if detect_language(text) in languages]
    known_words = set(tokenize_text(question))
    added: list[str] = []
    room = CARRIED_WORDS
    for text in reversed(earlier_questions):
        new_words = {
            word
            for word in drop_stopwords(tokenize_text(text))
            if word not in known_words and idf(word) > 0
        }
        if new_words and room > 0:
            added.append(text.strip()[:LONGEST_REWRITE])
            known_words |= new_words
            room -= len(new_words)
    return " ".join([question, *added])


async def rewrite_question(
    question: str, history: Sequence[Turn], idf: Idf, generator: GenerateText | None = None
) -> str:
    """Return the question as it is to be searched for and answered.

    A model that fails, or writes a speech, changes nothing: then words are carried over.
    """
    if not needs_context(question, history):
        return question
    if generator is not None:
        try:
            standalone = await _rewrite_by_model(question, history, generator)
        except EngineFailed:
            standalone = ""
        if standalone:
            return standalone
    return carry_words_over(question, history, idf)


async def _rewrite_by_model(question: str, history: Sequence[Turn], generator: GenerateText) -> str:
    prompt = prompts.build_rewrite_prompt(
        history[-CARRIED_TURNS:], question, detect_language(question)
    )
    text = ""
    async with aclosing(generator(prompt)) as pieces:
        async for piece in pieces:
            text += piece if isinstance(piece, str) else ""
            if len(text) > LONGEST_REWRITE:
                return ""
    sanitized = sanitize_text(text.strip().removeprefix("U:").strip(), question)
    return (
        sanitized
        if set(drop_stopwords(tokenize_text(sanitized)))
        & set(drop_stopwords(tokenize_text(question)))
        else ""
    )
