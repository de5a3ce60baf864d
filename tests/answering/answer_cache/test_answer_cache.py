"""The cache against a dictionary, and what bounds it."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ragdesk.answering.answer import (
    Answer,
    AnswerReason,
    Citation,
    Claim,
    ClaimVerdict,
    Outcome,
    Question,
    Turn,
)
from ragdesk.answering.answer_cache.answer_cache import AnswerCache, CacheKey
from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.answering.answer_cache.cache_rules import (
    is_cacheable_answer,
    is_cacheable_question,
    normalise_question,
)

ALWAYS = AnswerCacheOptions(use="always")
MARK = Citation(
    number=1, chunk="c", uri="a.md", title="A", path=(), page=None, version=None,
    start=0, end=2, quote="Hi",
)  # fmt: skip
ANSWER = Answer(
    id="1",
    question="Hi?",
    language="en",
    outcome=Outcome.ANSWERED,
    text="Hi [1]",
    claims=(Claim(text="Hi", citations=(1,), support=1.0, verdict=ClaimVerdict.SUPPORTED),),
    citations=(MARK,),
    passages=(),
    choices=(),
    reason=None,
    next_step=None,
    collection="c",
    generation=1,
    generator="vllm",
    model="m",
    degraded=False,
    degraded_reason=None,
    withheld=0,
    confidence=None,
    seconds={"total": 1.0},
)
KEY = CacheKey(collection="c", opening="o", asker="a", basis=(), text="Hi?", person="p")
FEW = st.sampled_from(["1", "2", "3"])


class CacheAgainstDictionary(RuleBasedStateMachine):
    """Nothing is found but what was kept for that very key, under the present opening."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.cache = AnswerCache(replace(ALWAYS, minutes=1), clock=lambda: self.now)
        self.kept: dict[CacheKey, tuple[Answer, float]] = {}
        self.opening = dict.fromkeys("123", "1")
        self.disliked: set[tuple[str, str]] = set()
        self.count = 0

    @rule(collection=FEW, asker=FEW, basis=FEW, text=FEW)
    def ask(self, collection: str, asker: str, basis: str, text: str) -> None:
        key = CacheKey(
            collection=collection,
            opening=self.opening[collection],
            asker=asker,
            basis=basis,
            text=text,
            person=asker,
        )
        known = self.kept.get(key)
        expected = known[0] if known and known[1] > self.now else None
        assert self.cache.find(key) is expected
        if expected is None:
            self.count += 1
            answer = replace(ANSWER, id=str(self.count))
            is_kept = self.cache.store(key, answer, changes=self.cache.changes)
            assert is_kept == ((collection, text) not in self.disliked)
            if is_kept:
                self.kept[key] = (answer, self.now + 60)

    @rule(collection=FEW)
    def publish(self, collection: str) -> None:
        self.opening[collection] += "'"
        self.kept = {k: v for k, v in self.kept.items() if k.collection != collection}

    @rule(collection=FEW, text=FEW)
    def dislike(self, collection: str, text: str) -> None:
        self.cache.dislike(collection, text)
        self.disliked.add((collection, text))
        self.kept = {
            k: v for k, v in self.kept.items() if (k.collection, k.text) != (collection, text)
        }

    @rule(person=FEW)
    def forget(self, person: str) -> None:
        self.cache.forget_person(person)
        self.kept = {k: v for k, v in self.kept.items() if k.person != person}

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def is_measured(self) -> None:
        assert (self.cache.bytes == 0) == (len(self.cache) == 0)


TestCacheAgainstDictionary = CacheAgainstDictionary.TestCase
TestCacheAgainstDictionary.settings = settings(max_examples=20, stateful_step_count=30)


def test_the_answers_not_asked_for_longest_go_first_and_a_huge_one_is_not_kept():
    cache = AnswerCache(replace(ALWAYS, megabytes=1))
    long = replace(ANSWER, text="x" * 60_000)
    keys = [replace(KEY, text=str(number)) for number in range(20)]
    for key in keys:
        cache.find(keys[0])
        cache.find(key)
        assert cache.store(key, long, changes=cache.changes)

    assert cache.bytes <= 1_000_000
    assert cache.find(keys[0]) is long
    assert cache.find(keys[1]) is None
    assert not cache.store(KEY, replace(ANSWER, text="x" * 200_000), changes=cache.changes)
    told = replace(KEY, basis=(Turn(role="user", text="y" * 200_000),))
    cache.find(told)
    assert not cache.store(told, ANSWER, changes=cache.changes)  # what was said before counts, too
    cache.clear()
    assert cache.bytes == 0


def test_what_was_begun_before_something_was_dropped_is_not_kept():
    cache = AnswerCache(ALWAYS)
    cache.find(KEY)
    before = cache.changes
    cache.dislike("other", "?")
    assert not cache.store(KEY, ANSWER, changes=before)
    cache.find(replace(KEY, opening="next"))
    assert not cache.store(KEY, ANSWER, changes=cache.changes)


@pytest.mark.parametrize(
    "changed",
    [
        {"outcome": Outcome.NOT_FOUND},
        {"outcome": Outcome.CLARIFY},
        {"outcome": Outcome.HANDED_OVER},
        {"reason": AnswerReason.SAFETY},
        {"degraded": True},
        {"withheld": 1},
        {"cached": True},
        {"citations": ()},
        {"citations": (replace(MARK, uri="lookup:order/1"),)},
        {"claims": (replace(ANSWER.claims[0], verdict=ClaimVerdict.PARTIAL),)},
        {"claims": (replace(ANSWER.claims[0], verdict=ClaimVerdict.UNSUPPORTED),)},
    ],
)
def test_an_answer_that_is_not_whole_and_sure_is_not_kept(changed):
    assert is_cacheable_answer(ANSWER)
    assert not is_cacheable_answer(replace(ANSWER, **changed))


def test_a_question_with_anything_that_a_key_does_not_hold_is_not_kept(monkeypatch):
    plain = Question(text="Hi?", history=(Turn(role="user", text="Hi"),), explain=True)
    assert is_cacheable_question(plain)
    assert is_cacheable_question(replace(plain, session="a conversation"))  # of no effect on it
    rules = "ragdesk.answering.answer_cache.cache_rules.KEYED_FIELDS"
    monkeypatch.setattr(rules, frozenset({"text", "where", "explain", "send"}))
    assert not is_cacheable_question(plain)  # as a field that came later


def test_a_question_is_compared_as_it_stands_but_for_blanks():
    assert normalise_question(" Café \t au  lait? ") == "Café au lait?"
    for other in ("café au lait?", "Café au lait", "Café\nau lait?", "Café aulait?"):
        assert normalise_question(other) != "Café au lait?"


def test_settings_that_keep_nothing_are_named():
    assert ALWAYS.is_used(writes_with_model=False)
    assert not AnswerCacheOptions().is_used(writes_with_model=False)
    assert AnswerCacheOptions().is_used(writes_with_model=True)
    assert not AnswerCacheOptions(use="never").is_used(writes_with_model=True)
    with pytest.raises(ValueError, match="never"):
        AnswerCacheOptions(megabytes=0)
