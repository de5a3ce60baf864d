"""Find what a turn wants looked up: the numbers in it, or those that a follow-up leans on. Pure."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from indexes.text.folding import normalise_text
from ragdesk.answering.answer import Turn
from ragdesk.answering.follow_up_kind import FollowUpKind, classify_follow_up
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.support.lookups.lookup_options import LookupOptions
from ragdesk.support.lookups.lookup_pattern import find_values, has_fixed_letters

LOOKED_BACK: Final = 8  # last turns of both sides in which a number is looked for
BARE_VALUE_WORDS: Final = 20  # characters beside a number that was asked for: "it is 12345, thanks"
_OWN = re.compile(r"\b(?:my|mine|our|ours)\b|[我咱]")
_POINTING: Final = frozenset({FollowUpKind.PRONOUN, FollowUpKind.ASKING})


def find_wanted(
    options: LookupOptions, question: str, history: Sequence[Turn] = ()
) -> tuple[str, ...] | None:
    """Return the values that a question wants looked up; None where it wants none.

    An empty tuple where it names the thing and no number, in no turn before it either.

    >>> options = LookupOptions(url="https://a.example/{value}/{sub}", pattern="{digits:5}",
    ...                         words=("order", "订单"), answer={"en": "{status}"})
    >>> find_wanted(options, "Where is my order 12345?"), find_wanted(options, "我的訂單12345呢")
    (('12345',), ('12345',))
    >>> find_wanted(options, "Where is my order?"), find_wanted(options, "Call 12345")
    ((), None)
    >>> before = [Turn(role="user", text="Where is order 12345?"), Turn(role="assistant", text="…")]
    >>> find_wanted(options, "And when will it arrive?", before)
    ('12345',)
    >>> find_wanted(options, "Has my order been sent?", before)
    ('12345',)
    >>> find_wanted(options, "How do I clean the kettle?", before)
    """
    earlier = [turn.text for turn in history[-LOOKED_BACK:] if turn.role == "user"]
    if find_values(options.pattern, question):
        return _find_named(options, question, earlier) or None
    names_it = names_thing(options, question)
    is_own = names_it and _OWN.search(normalise_text(question))
    if earlier and (is_own or _points_back(question)):
        for at in range(len(earlier) - 1, -1, -1):
            if values := _find_named(options, earlier[at], earlier[:at]):
                return values
    return () if names_it and not has_fixed_letters(options.pattern) else None


def _find_named(options: LookupOptions, text: str, earlier: Sequence[str]) -> tuple[str, ...]:
    """Return the values of a text that names what they are of, or follows one that does."""
    values = find_values(options.pattern, text)
    follows = bool(earlier) and _is_bare(text, values) and names_thing(options, earlier[-1])
    return values if values and (follows or names_thing(options, text)) else ()


def names_thing(options: LookupOptions, text: str) -> bool:
    """Tell whether a text names what a lookup is about, by words or a number of its own form."""
    if has_fixed_letters(options.pattern) and find_values(options.pattern, text):
        return True
    plain = normalise_text(text)
    return any(expression.search(plain) for expression in _compile_words(options.words))


@cache
def _compile_words(words: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Return what finds each word: where letters begin a word; Han characters stand anywhere."""
    folded = (normalise_text(word.strip()) for word in words)
    return tuple(
        re.compile((r"(?<![a-z\d])" if word[:1].isascii() else "") + re.escape(word))
        for word in folded
    )


def _is_bare(question: str, values: Sequence[str]) -> bool:
    """Tell whether a turn is little more than a number: the answer to "which one?"."""
    return len(question.strip()) - sum(map(len, values)) <= BARE_VALUE_WORDS


def _points_back(question: str) -> bool:
    return classify_follow_up(analyze_question(question)) in _POINTING
