"""Make a follow-up question stand alone: "And to Norway?" is searched for with what it leans on.

By the model when there is one, and only when the question needs it; else by carrying over the
rare words of the user's turns before it that the question lacks. People change the subject: a
short question that points at nothing, and that the documents answer, stands alone already.
"""

import re
from collections.abc import Sequence
from contextlib import aclosing

from indexes.text.coverage import Idf
from indexes.text.scripts import detect_language
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.answer import Turn
from ragdesk.answering.follow_up_kind import FollowUpKind, classify_follow_up
from ragdesk.answering.retrieval.question_analysis import QuestionAnalysis, analyze_question
from ragdesk.answering.thread_offload import run_in_thread
from ragdesk.answering.writing import prompts
from ragdesk.answering.writing.generator import GenerateText, Retraction
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


def refers_back(analysis: QuestionAnalysis) -> bool:
    """Tell whether a question points at what was said before it: "And to Sweden?", "那会员呢？".

    >>> refers_back(analyze_question("How much is that?"))
    True
    >>> refers_back(analyze_question("那会员呢？"))
    True
    >>> refers_back(analyze_question("When is the shop open?"))
    False
    """
    return len(analysis.counted_words) <= LONG_QUESTION and bool(
        _BACK_REFERENCE.search(analysis.reference_text)
    )


def needs_context(analysis: QuestionAnalysis, history: Sequence[Turn]) -> bool:
    """Tell whether a question may need the conversation before it: it points back, or is short.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> analysis = analyze_question("And to Sweden?")
    >>> needs_context(analysis, before), needs_context(analysis, [])
    (True, False)
    """
    return bool(history) and (
        len(analysis.counted_words) <= SHORT_QUESTION or refers_back(analysis)
    )


def carry_words_over(analysis: QuestionAnalysis, history: Sequence[Turn], idf: Idf) -> str:
    """Return a question with the rare words of the user's last turns that it lacks added.

    Turns in another language bring nothing: their words would find other documents.

    >>> before = [Turn(role="user", text="What does shipping to Norway cost?")]
    >>> carry_words_over(analyze_question("And to Sweden?"), before, lambda term: 1.0)
    'And to Sweden? What does shipping to Norway cost?'
    """
    languages = {analysis.language, "und"}
    turns = (turn.text for turn in history[-CARRIED_TURNS:] if turn.role == "user")
    earlier_questions = [text for text in turns if detect_language(text) in languages]
    known_words = set(analysis.tokens)
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
    return " ".join([analysis.text, *added])


async def rewrite_question(
    analysis: QuestionAnalysis,
    history: Sequence[Turn],
    idf: Idf,
    generator: GenerateText | None = None,
) -> QuestionAnalysis:
    """Return the analysis of the question as it is to be searched for and answered.

    A model that fails, or writes a speech, changes nothing: then words are carried over.
    """
    if not needs_context(analysis, history):
        return analysis
    if generator is not None:
        try:
            standalone = await _rewrite_by_model(analysis, history, generator)
        except EngineFailed:
            standalone = None
        if standalone:
            return standalone
    if classify_follow_up(analysis) is FollowUpKind.SELF_STANDING:
        return analysis
    return await run_in_thread(analyze_question, carry_words_over(analysis, history, idf))


async def _rewrite_by_model(
    analysis: QuestionAnalysis, history: Sequence[Turn], generator: GenerateText
) -> QuestionAnalysis | None:
    """Return the analysis of what a model wrote; None where that is no such question."""
    prompt = prompts.build_rewrite_prompt(
        history[-CARRIED_TURNS:], analysis.text, analysis.language
    )
    text = ""
    async with aclosing(generator(prompt)) as pieces:
        async for piece in pieces:
            text = "" if isinstance(piece, Retraction) else text
            text += piece if isinstance(piece, str) else ""
            if len(text) > LONGEST_REWRITE:
                return None
    sanitized = sanitize_text(text.strip().removeprefix("U:").strip(), analysis.text)
    standalone = await run_in_thread(analyze_question, sanitized)
    return standalone if standalone.content_words & analysis.content_words else None
