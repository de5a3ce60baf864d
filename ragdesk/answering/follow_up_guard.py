"""Let a follow-up be answered only by what meets its own words, and say nothing twice. Pure.

Words of earlier turns are carried over to find passages, and then find the passage of before
whatever is asked now. So they may locate an answer and never be it: what the new question itself
names must stand in what is quoted, or above it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np

from indexes.text.coverage import Idf
from indexes.text.folding import normalise_text
from indexes.text.tokens import STOPWORDS, is_han_pair, tokenize_text
from ragdesk.answering.answer import Question, Turn
from ragdesk.answering.decision import answer_likelihood
from ragdesk.answering.follow_up_kind import FollowUpKind, classify_follow_up, find_own_words
from ragdesk.answering.reading.question_form import read_form
from ragdesk.answering.retrieval.passage_words import describe_place, write_document_name
from ragdesk.answering.retrieval.question_analysis import (
    QuestionAnalysis,
    analyze_question,
    correct_terms,
)
from ragdesk.answering.retrieval.retrieval_result import Retrieval
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.statement import Statement

WORDS_ALONE: Final = 0.55
"""Share of a question's own words (by idf) that a quote must meet with its lead, where the model
cannot compare them."""
WORDS_AND_MEANING: Final = {
    FollowUpKind.SELF_STANDING: 1.0,
    FollowUpKind.ELLIPTICAL: 1.0,
    FollowUpKind.PRONOUN: 0.75,
    FollowUpKind.ASKING: 0.0,
}
"""The same share and the similarity (0..1) of question and quote together, at least."""
OTHER_LANGUAGE_MEANING: Final = 0.5  # the similarity alone, where words cannot be compared
SUBJECT_SHARE: Final = 0.2
"""Share of the words of the question before that a quote holds with its lead, where a question has
no words of its own."""
REPEATED_SHARE: Final = 0.6  # of them that an earlier sentence must hold itself to be said again
COMPARED_QUOTES: Final = (
    8  # quotes that the model compares, some 10 ms each; of others words decide
)
NARROW_LIKELIHOOD: Final = 0.5  # of an answer in the one document that a follow-up names
SHORTEST_REPEAT: Final = 6  # letters and digits; less is a "Yes." that many answers begin with
_AGAIN = re.compile(
    r"\b(?:again|repeat|once more|rephrase|what did you say)\b|再说|再讲|重复|再问|再重|刚才|重新说"
)
_NAME_RUN = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+){1,4}\b")
_CITATION_MARK = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpGuard:
    """What a follow-up must be answered with.

    own_weights: what each of its own words is worth. subject_weights: the same of the last question
    before it that named anything. new_kinds: a thing of a kind is asked for
    (an amount, a reason) that the question before did not ask for. earlier: what was answered
    before, letters and digits alone. asks_again: what was said before is asked for once more.
    sides: of a comparison, the words of each; a quote about one of them is half of the answer.
    meaning: returns how near (0..1) a quote in some language is to the question; None without a
    model that reads it.
    """

    analysis: QuestionAnalysis
    kind: FollowUpKind
    own_weights: Mapping[str, float]
    subject_weights: Mapping[str, float]
    new_kinds: bool
    earlier: tuple[str, ...]
    asks_again: bool
    sides: tuple[frozenset[str], ...] = ()
    meaning: Callable[[str, str], float] | None = None

    def admits(self, quote: str, lead: str, language: str) -> bool:
        """Tell whether a quote may be an answer. lead: what stands above it, and its document."""
        quote_words = set(tokenize_text(quote)) | _find_initials(quote)
        if any(quote_words.union(tokenize_text(lead)).issuperset(side) for side in self.sides):
            return True
        if self.own_weights:
            meets = self._meets_question(quote_words.union(tokenize_text(lead)), quote, language)
        else:
            meets = self._names_kind(quote_words.union(tokenize_text(lead)), quote, language)
        if not meets:
            return False
        if self.asks_again or not self._is_repeated(quote):
            return True
        if self.own_weights:
            return _weigh_share(self.own_weights, quote_words) >= REPEATED_SHARE
        return self.new_kinds

    def _names_kind(self, words: set[str], quote: str, language: str) -> bool:
        """Tell whether a quote names the kind of thing asked for, about what was spoken of."""
        is_foreign = {language, self.analysis.language} == {"en", "zh"}
        is_about = is_foreign or _weigh_share(self.subject_weights, words) >= SUBJECT_SHARE
        return is_about and self.analysis.question_type.answer_share(quote) == 1

    def _meets_question(self, words: set[str], quote: str, language: str) -> bool:
        """Tell whether what the question names stands in some words, or is meant by the quote."""
        share, least = _weigh_share(self.own_weights, words), WORDS_AND_MEANING[self.kind]
        if {language, self.analysis.language} == {"en", "zh"}:
            return share >= WORDS_ALONE or (  # a code, or a name that both write alike
                self.meaning is not None and self.meaning(quote, language) >= OTHER_LANGUAGE_MEANING
            )
        if self.meaning is None:
            return share >= WORDS_ALONE
        return share >= least or share + self.meaning(quote, language) >= least

    def _is_repeated(self, quote: str) -> bool:
        lines = [letters for line in quote.splitlines() if (letters := _fold_letters(line))]
        return sum(map(len, lines)) >= SHORTEST_REPEAT and any(
            all(letters in text for letters in lines) for text in self.earlier
        )


def guard_follow_up(
    retrieval: Retrieval, question: Question, analysis: QuestionAnalysis, retriever: Retriever
) -> Retrieval:
    """Return a retrieval that knows what may be said to a follow-up; any other as it is.

    analysis: of the question as it was asked. Words of it that stand nowhere are corrected, as
    they were for the search.
    """
    if not question.history:
        return retrieval
    index = retriever.index
    mask = index.make_mask(question.where)
    if correction := index.correct_text(analysis.text, mask):
        analysis = correct_terms(analysis, correction.text)
    similarity = retriever.compare_question(analysis.text, analysis.language, mask)

    compared: set[str] = set()

    @cache
    def measure_meaning(quote: str, language: str) -> float:
        if similarity is None or len(compared) >= COMPARED_QUOTES:
            return 0.0
        compared.add(quote)
        query = similarity.find_query(language)
        vector = retriever.embedder.embed_passages([quote])[0]
        return float(query.neutral_scale.normalise(np.array([vector @ query.vector]))[0])

    retrieval = _narrow_to_document(retrieval, question, analysis, retriever)
    guard = make_follow_up_guard(analysis, question.history, retrieval.idf)
    guard = replace(guard, meaning=measure_meaning if similarity else None)
    return replace(retrieval, admits=guard.admits)


def _narrow_to_document(
    retrieval: Retrieval, question: Question, analysis: QuestionAnalysis, retriever: Retriever
) -> Retrieval:
    """Ask the question of before of the document that is named now: "The TX-7", "And the kettle?".

    What a file is named by stands in none of its sentences. Where that document is not likely to
    answer, all that was retrieved stays.
    """
    own_words = find_own_words(analysis)
    subject = [turn.text for turn in question.history if turn.role == "user"][-1:]
    if classify_follow_up(analysis) is not FollowUpKind.ELLIPTICAL or not own_words or not subject:
        return retrieval
    named = next(
        (
            passage.chunk.uri
            for passage in retrieval.passages
            if own_words <= set(tokenize_text(write_document_name(passage.chunk)))
        ),
        None,
    )
    if named is None:
        return retrieval
    where = replace(question.where, uris=frozenset({named}))
    narrow = retriever(replace(question, where=where), analyze_question(subject[0]))
    return narrow if answer_likelihood(narrow.signals) >= NARROW_LIKELIHOOD else retrieval


def admits_statement(retrieval: Retrieval, statement: Statement) -> bool:
    """Tell whether a model's statement may answer the question, by the quotes that bear it."""
    if retrieval.admits is None:
        return True
    quote = "\n".join(q.text for q in statement.quotes)
    lead = "\n".join(describe_place(q.passage.chunk) for q in statement.quotes)
    language = statement.quotes[0].passage.chunk.language if statement.quotes else "und"
    return retrieval.admits(quote, lead, language)


def make_follow_up_guard(
    analysis: QuestionAnalysis, history: Sequence[Turn], idf: Idf
) -> FollowUpGuard:
    """Make the guard of a question with turns before it.

    analysis: of the question as it was asked, before anything was carried over.

    >>> before = [
    ...     Turn(role="user", text="What does shipping to Sweden cost?"),
    ...     Turn(role="assistant", text="Shipping to Sweden costs 9 euros. [1]"),
    ... ]
    >>> def admits(question: str, quote: str) -> bool:
    ...     guard = make_follow_up_guard(analyze_question(question), before, lambda term: 1.0)
    ...     return guard.admits(quote, "Shipping", "en")
    >>> admits("And to Norway?", "To Norway it is 12 euros.")
    True
    >>> admits("Who is your CEO?", "Shipping to Sweden costs 9 euros.")
    False
    """
    own_words = find_own_words(analysis)
    earlier_questions = [analyze_question(t.text) for t in history if t.role == "user"]
    kinds = analysis.question_type.kinds
    before = earlier_questions[-1].question_type.kinds if earlier_questions else frozenset()
    return FollowUpGuard(
        analysis=analysis,
        kind=classify_follow_up(analysis),
        own_weights=_weigh_own_words(own_words, idf),
        subject_weights=_weigh_own_words(_find_subject(earlier_questions), idf),
        new_kinds=bool(kinds - before),
        earlier=tuple(_fold_letters(t.text) for t in history if t.role == "assistant"),
        asks_again=_asks_again(analysis, own_words, earlier_questions),
        sides=tuple(filter(None, read_form(analysis).sides)),
    )


def _find_subject(earlier_questions: Sequence[QuestionAnalysis]) -> frozenset[str]:
    """Return the own words of the last question that has any."""
    words = (find_own_words(question) for question in reversed(earlier_questions))
    return next(filter(None, words), frozenset())


def _weigh_own_words(words: frozenset[str], idf: Idf) -> dict[str, float]:
    """Weigh words by idf; a pair of Han characters that stands nowhere is a word that is unmet.

    For a search such a pair weighs nothing, as it may be the seam of two words.
    """
    weights = {word: idf(word) for word in sorted(words)}
    for word, weight in weights.items():
        if not weight and is_han_pair(word) and not STOPWORDS.intersection(word):
            weights[word] = max(weights.get(character, 0.0) for character in word)
    return weights


def _weigh_share(weights: Mapping[str, float], words: set[str]) -> float:
    """Return the share (0..1) of weighed words that stand among others; 1 of none."""
    total = sum(weights.values())
    return sum(w for word, w in weights.items() if word in words) / total if total else 1.0


def _asks_again(
    analysis: QuestionAnalysis,
    own_words: frozenset[str],
    earlier_questions: Iterable[QuestionAnalysis],
) -> bool:
    """Tell whether a question asks for what was answered before, in words or by asking it again."""
    if _AGAIN.search(analysis.reference_text):
        return True
    kinds = analysis.question_type.kinds
    return any(
        (own_words == find_own_words(earlier) or not own_words)
        and bool(kinds)
        and kinds == earlier.question_type.kinds
        for earlier in earlier_questions
    ) or any(
        bool(own_words) and analysis.content_words == earlier.content_words
        for earlier in earlier_questions
    )


def _find_initials(text: str) -> set[str]:
    """Return the initials of names of several words, by which a question may call them.

    >>> sorted(_find_initials("Customers in the United Kingdom pay value added tax."))
    ['uk']
    """
    runs = (re.findall(r"\b\w", run) for run in _NAME_RUN.findall(text))
    return {"".join(initials).lower() for initials in runs}


def _fold_letters(text: str) -> str:
    """Keep the letters and digits of a text, as a quote and an answer share them."""
    plain = normalise_text(_CITATION_MARK.sub(" ", text))
    return "".join(character for character in plain if character.isalnum())
