"""What the desk owes whoever asks, on a small collection of two languages."""

import asyncio

import pytest
from fakes import HashEmbedder, document
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes.build import Build
from indexes.chunk import Filter
from indexes.index import Index
from ragdesk.answering.answer import Delta, Done, Found, Outcome, Question, Verdict
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieve import Retrieve

TEXTS = {
    "refunds.md": "Refunds by card arrive within 14 days. Shipping fees are not refunded.\n"
    "A refund to a gift card arrives at once.",
    "returns.md": "You can return unused articles within 30 days of delivery.\n"
    "The label is free for customers in the European Union.",
    "codes.md": "Error E1047 means that the water tank is empty.\nError E1048 means no beans.",
    "退款.md": "银行卡退款在十四天内到账。运费不退。\n退到礼品卡的款项立即到账。",
    "salaries.md": "The salary of the head of service is 90,000 euros a year.",
}
STAFF = frozenset({"staff"})
ASKED = [
    "How long does a refund by card take?",
    "What does error E1047 mean?",
    "银行卡退款多久到账？",
    "Who painted the ceiling of the chapel?",
    "What is the salary of the head of service?",
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk") / "default"
    embedder = HashEmbedder()
    with Build(folder, embedder) as build:
        for uri, text in TEXTS.items():
            facts = {"language": "zh" if uri == "退款.md" else "en"}
            groups = STAFF if uri == "salaries.md" else frozenset()
            build.add(*document(uri, text, groups=groups, **facts))
        build.publish()
    with Index.open(folder, card=embedder.card) as index:
        yield Desk(retrieve=Retrieve(index=index, embedder=embedder), collection="default")


def ask(desk, text, where=None):
    return asyncio.run(desk.ask(Question(text=text, where=where or Filter())))


def events(desk, text):
    async def every():
        return [event async for event in desk.stream(Question(text=text))]

    return asyncio.run(every())


@pytest.mark.parametrize("text", ASKED)
def test_a_stream_tells_what_was_found_first_and_ends_with_one_answer(desk, text):
    told = events(desk, text)

    assert isinstance(told[0], Found)
    assert [type(event) for event in told].count(Done) == 1
    assert isinstance(told[-1], Done)
    assert told[-1].answer.passages == told[0].passages


@pytest.mark.parametrize("text", ASKED)
def test_the_deltas_joined_are_the_answer(desk, text):
    told = events(desk, text)

    assert "".join(e.text for e in told if isinstance(e, Delta)) == told[-1].answer.text
    assert [e.claim for e in told if isinstance(e, Verdict)] == list(told[-1].answer.claims)


@given(text=st.text(min_size=1, max_size=60) | st.sampled_from(ASKED))
@settings(max_examples=40, deadline=None)
def test_whatever_is_asked_every_citation_is_the_exact_text(desk, text):
    answer = ask(desk, text)

    numbers = [citation.number for citation in answer.citations]
    assert numbers == list(range(1, len(numbers) + 1))
    for citation in answer.citations:
        stored = desk.retrieve.index.text(citation.uri)
        assert stored[citation.start : citation.end] == citation.quote
    for claim in answer.claims:
        assert set(claim.citations) <= set(numbers)
    assert bool(answer.citations) == (answer.outcome is Outcome.ANSWERED)


def test_it_answers_in_the_documents_own_words(desk):
    answer = ask(desk, "How long does a refund by card take?")

    assert answer.outcome is Outcome.ANSWERED
    assert "Refunds by card arrive within 14 days. [1]" in answer.text
    assert answer.citations[0].uri == "refunds.md"


def test_it_answers_chinese_in_chinese(desk):
    answer = ask(desk, "银行卡退款多久到账？")

    assert (answer.language, answer.outcome) == ("zh", Outcome.ANSWERED)
    assert "十四天" in answer.text


def test_a_name_is_met_exactly(desk):
    answer = ask(desk, "What does error E1047 mean?")

    assert "water tank" in answer.text
    assert "identifier" in answer.passages[0].found_by


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Who painted the chapel's ceiling?", "documents do not answer"),
        ("谁画了教堂的天花板", "没有回答"),
    ],
)
def test_what_is_not_in_the_documents_is_said_so_in_the_askers_language(desk, text, said):
    answer = ask(desk, text)

    assert answer.outcome is Outcome.NOT_FOUND
    assert said in answer.text
    assert not answer.citations


def test_nobody_is_answered_from_what_their_groups_may_not_see(desk):
    text = "What is the salary of the head of service?"
    guest = ask(desk, text, Filter(groups=frozenset({"guests"})))
    staff = ask(desk, text, Filter(groups=STAFF))

    assert "90,000" not in guest.text
    assert all(p.chunk.uri != "salaries.md" for p in guest.passages)
    assert "90,000" in staff.text


def test_filters_narrow_what_is_found(desk):
    found = desk.retrieve(Question(text="refund", where=Filter(paths=("returns",)))).passages
    assert {passage.chunk.uri for passage in found} <= {"returns.md"}


def test_only_a_question_that_wants_it_carries_the_signals(desk):
    plain = ask(desk, ASKED[0])
    explained = asyncio.run(desk.ask(Question(text=ASKED[0], explain=True)))

    assert plain.signals is None
    assert 0 <= explained.signals["answerable"] <= 1
