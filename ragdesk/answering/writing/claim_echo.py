"""Tell sentences that state nothing: the question said back, a heading, another question.

Pure.
"""

import re
from collections.abc import Collection, Sequence

from indexes.chunk import Passage
from indexes.text.claim_binding import find_exact_items
from indexes.text.coverage import Idf
from indexes.text.folding import normalise_text
from indexes.text.polarity import is_yes_no_question
from indexes.text.tokens import drop_stopwords, tokenize_text
from ragdesk.answering.retrieval.passage_words import heading_words
from ragdesk.answering.writing.claim_evidence import split_evidence

MOST_NEW = 0.1  # of a sentence's words, by weight, that the question does not have
# A question without its mark, and a path of headings.
_ASKS = re.compile(
    r"\W*(?:how|what|when|where|why|who|whom|whose|which)\s+(?:(?:much|many|long|often|soon|far)\s+)?"
    r"(?:can|could|may|must|shall|should|do|does|did|is|are|was|were|will|would|has|have)\s+\w+[^.]*$",
    re.IGNORECASE,
)
_PATH = re.compile(r"\s[›»>]\s")
_QUESTION_MARKS = ("?", "？")
_PREDICATE = re.compile(
    r"(?<![a-z])(?:is|are|was|were|be|can|could|may|might|must|shall|should|will|would|do|does|did|has"
    r"|have|had|needs?|gets?|costs?|takes?)(?![a-z])|n't(?![a-z])"
    r"|[是不没无可能会须需]|支持|允许|禁止|已经?|属于|收取|包邮|免费"
)


def weigh_words(words: Collection[str], idf: Idf) -> float:
    """Return the weight of words, in an order that does not depend on the process."""
    return sum(idf(word) for word in sorted(words))


def states_nothing(claim: str, question: str, cited: Sequence[Passage], idf: Idf) -> bool:
    """Tell whether a sentence says no more than the question, or than a heading of its passages.

    >>> states_nothing("What the fee is.", "What is the fee?", (), lambda term: 1.0)
    True
    >>> states_nothing("You may return it.", "May I return it?", (), lambda term: 1.0)
    False
    """
    if claim.rstrip(" \"'”’»」』）)*_").endswith(_QUESTION_MARKS):
        return True
    if _ASKS.match(claim) or not any(map(str.isalpha, claim)):
        return True
    words = frozenset(drop_stopwords(tokenize_text(claim)))
    if not words:
        return False
    return _repeats_question(claim, words, question, idf) or _repeats_heading(words, claim, cited)


def _repeats_question(claim: str, words: frozenset[str], question: str, idf: Idf) -> bool:
    question_words = frozenset(tokenize_text(question))
    new = words - question_words
    if weigh_words(new, idf) > MOST_NEW * weigh_words(words, idf):
        return False
    if find_exact_items(" ".join(sorted(new))):
        return False
    # To say back what is asked is to answer yes or no, if it is a sentence.
    return not (is_yes_no_question(question) and _is_sentence(claim))


def _repeats_heading(words: frozenset[str], claim: str, cited: Sequence[Passage]) -> bool:
    if _PATH.search(claim) and not _is_sentence(claim):
        return any(claim.strip().startswith(p.chunk.title) for p in cited if p.chunk.title)
    for passage in cited:
        if words <= heading_words(passage.chunk):
            body = (sentence.words for sentence in split_evidence([passage]))
            if not _is_sentence(claim) or not any(words <= sentence for sentence in body):
                return True
    return False


def _is_sentence(claim: str) -> bool:
    """Tell whether a text has a word that makes a sentence of what it names."""
    return bool(_PREDICATE.search(normalise_text(claim)))
