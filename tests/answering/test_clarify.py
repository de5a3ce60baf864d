"""Where a question does not say which, what it may mean is offered, and nothing is guessed."""

import asyncio
from dataclasses import replace

import pytest
from fakes import HashEmbedder, document, publish

from indexes.chunk import SearchFilter
from indexes.index import Index
from ragdesk.answering.answer import Answer, Done, Outcome, Question, TextDelta, Turn
from ragdesk.answering.answer_options import ClarifyOptions
from ragdesk.answering.clarify import is_vague
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.question_analysis import analyze_question
from ragdesk.answering.retrieval.retriever import Retriever

TEXTS = {
    "kettle.md": ("Fjord kettle", "Clean it with a soft cloth. It weighs two kilograms."),
    "fryer.md": ("Lava fryer", "Clean it with a soft sponge. It weighs six kilograms."),
    "shops.md": ("Our shops", "The shop in Lyon opens at nine. Dogs are welcome."),
    "壶.md": ("峡湾水壶", "清洗时用软布擦拭外壳。"),
    "锅.md": ("熔岩炸锅", "清洗时用海绵擦拭炸篮。"),
}
KETTLE, FRYER = "Fjord kettle", "Lava fryer"


class QuestionlessEmbedder(HashEmbedder):
    """Embeds no question: the vectors of a hash say nothing of how near a passage is."""

    def embed_query(self, text: str) -> None:
        del text


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    embedder = QuestionlessEmbedder()
    collection = tmp_path_factory.mktemp("home") / "default"
    held = [document(uri, text, title=title) for uri, (title, text) in TEXTS.items()]
    publish(collection, *held, embedder=embedder)
    with Index.open(collection, card=embedder.card) as index:
        retrieve = Retriever(index=index, embedder=embedder)
        yield Desk(retrieve=retrieve, collection="default")


def ask(desk: Desk, text: str, *before: str, uris: tuple[str, ...] = ()) -> Answer:
    roles = ("user", "assistant")
    history = tuple(Turn(role=roles[i % 2], text=said) for i, said in enumerate(before))

    where = SearchFilter(uris=frozenset(uris))
    question = Question(text=text, history=history, where=where)

    async def events() -> list[object]:
        return [event async for event in desk.stream(question)]

    told = asyncio.run(events())
    assert isinstance(told[-1], Done)
    answer = told[-1].answer
    assert "".join(event.text for event in told if isinstance(event, TextDelta)) == answer.text
    return answer


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("How do I clean it?", {KETTLE, FRYER}),
        ("How many kilograms does it weigh?", {KETTLE, FRYER}),
        ("怎么清洗？", {"峡湾水壶", "熔岩炸锅"}),
    ],
)
def test_products_that_answer_as_well_are_offered_and_a_choice_is_answered(desk, text, names):
    answer = ask(desk, text)

    assert answer.outcome is Outcome.CLARIFY
    titles = [found.title for found in answer.passages if found.title in names]
    assert [choice.label for choice in answer.choices] == list(dict.fromkeys(titles))  # best first
    assert {choice.label for choice in answer.choices} == names
    assert all(name in answer.text for name in names)
    assert not answer.claims
    assert not answer.citations
    for choice in answer.choices:
        chosen = ask(desk, choice.question, uris=choice.uris)
        assert chosen.outcome is Outcome.ANSWERED
        assert {mark.title for mark in chosen.citations} == {choice.label}


@pytest.mark.parametrize(
    "text",
    ["How do I clean the kettle?", "When does the shop in Lyon open?", "熔岩炸锅怎么清洗？"],
)
def test_a_question_that_says_which_is_answered(desk, text):
    answer = ask(desk, text)
    assert (answer.outcome, answer.choices) == (Outcome.ANSWERED, ())


def test_a_follow_up_that_the_conversation_settles_is_not_asked_back(desk):
    answer = ask(desk, "How do I clean it?", "I have a Fjord kettle.", "A good kettle.")
    assert answer.outcome is Outcome.ANSWERED
    assert answer.question == "How do I clean it?"


def test_what_no_document_speaks_of_is_not_offered(desk):
    assert ask(desk, "Who won it?").outcome is Outcome.NOT_FOUND


def test_asking_back_can_be_turned_off(desk):
    never = replace(desk, clarify=ClarifyOptions(near=1.1))
    assert ask(never, "How do I clean it?").outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("How do I clean it?", True),
        ("How do I reach IT?", True),  # at the end it may be either
        ("Who cleans for IT on Mondays?", False),
        ("我应该怎么清洗水壶的外壳？", False),
        ("该产品怎么清洗外壳？", True),
    ],
)
def test_a_department_and_a_duty_point_at_nothing(question, wanted):
    assert is_vague(analyze_question(question)) is wanted


TUBE = "The suction tube may be {} metres long. Drain the suction tube before winter."
PUMPS = {
    **{f"Pump QX-{n}.md": ("Operating manual", TUBE.format(3 * n)) for n in range(1, 5)},
    "internal/runbook.md": (
        "Runbook for agents — confidential",
        "If a pump does not work, ask for the invoice.",
    ),
    "faults.md": ("Faults of pumps", "If the pump does not work, check the fuse."),
    "parcels.md": ("Missing parcels", "If the tracking does not work, wait for a day."),
}


@pytest.fixture(scope="module")
def pumps(tmp_path_factory):
    embedder = QuestionlessEmbedder()
    collection = tmp_path_factory.mktemp("pumps") / "default"
    held = [document(uri, text, title=title, cut=200) for uri, (title, text) in PUMPS.items()]
    publish(collection, *held, embedder=embedder)
    with Index.open(collection, card=embedder.card) as index:
        retrieve = Retriever(index=index, embedder=embedder)
        yield Desk(retrieve=retrieve, collection="default")


def test_papers_of_several_products_that_answer_differently_are_offered_by_their_names(pumps):
    answer = ask(pumps, "How long may the suction tube be?")

    assert answer.outcome is Outcome.CLARIFY
    assert len(answer.choices) == 3  # of four
    assert {choice.label for choice in answer.choices} < {f"Pump QX-{n}" for n in range(1, 5)}
    chosen = ask(pumps, "The QX-2", "How long may the suction tube be?", answer.text)
    assert chosen.outcome is Outcome.ANSWERED
    assert "6 metres" in chosen.text
    assert "3 metres" not in chosen.text


@pytest.mark.parametrize(
    "text",
    ["How long may the suction tube of the QX-3 be?", "Which pump has the longest suction tube?"],
)
def test_a_question_that_names_its_product_or_wants_them_all_is_not_asked_back(pumps, text):
    assert ask(pumps, text).outcome is not Outcome.CLARIFY


def test_what_all_papers_say_alike_is_answered(pumps):
    assert "before winter" in ask(pumps, "When do I drain the suction tube?").text


def test_a_complaint_that_names_nothing_is_asked_back_without_internal_titles(pumps):
    answer = ask(pumps, "It doesn't work")

    assert answer.outcome is Outcome.CLARIFY
    assert {choice.label for choice in answer.choices} >= {"Faults of pumps", "Missing parcels"}
    assert "runbook" not in answer.text
    assert len(answer.choices) <= 3
