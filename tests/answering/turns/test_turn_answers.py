"""What the desk says to a turn that is no question, and to an accident."""

import asyncio
from dataclasses import replace

import pytest
from fakes import HashEmbedder

from indexes.build import Build
from indexes.chunk import Chunk, DocumentRecord
from indexes.index import Index
from ragdesk.answering.answer import AnswerReason, Outcome, PassagesReady, Question, TextDelta
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.desk import Desk
from ragdesk.answering.messages import TURN_TEXTS
from ragdesk.answering.retrieval.query_memory import QueryMemory
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.turns.turn_options import TurnOptions

MANUAL = (
    "The heater has two levels and a cable of two metres. "
    "If the heater smokes or smells of burning, unplug it at once and open the windows. "
    "Do not use it again before it was checked."
)
FIRST_AID = "急救箱挂在前台旁边。被烫伤时立即用冷水冲洗十五分钟，然后拨打分机 110。"
SHOP = "The ashtray and the smoke grey lamp cost 12 euros."


def make_desk(folder, embedder, texts: dict[str, tuple[str, str]]) -> Desk:
    with Build(folder, embedder) as build:
        for uri, (language, text) in texts.items():
            record = DocumentRecord(
                id=uri, uri=uri, source="s", text=text, digest=uri, media_type="text/plain",
                title=uri, language=language, groups=frozenset(),
            )  # fmt: skip
            chunk = Chunk(
                document=uri,
                uri=uri,
                title=uri,
                text=text,
                start=0,
                end=len(text),
                language=language,
            )
            build.add(record, [chunk])
        build.publish()
    index = Index.open(folder, card=embedder.card)
    return Desk(retrieve=Retriever(index=index, embedder=embedder), collection="default")


@pytest.fixture
def safe_desk(tmp_path):
    texts = {
        "heater.md": ("en", MANUAL),
        "first-aid.md": ("zh", FIRST_AID),
        "shop.md": ("en", SHOP),
    }
    desk = make_desk(tmp_path / "default", HashEmbedder(), texts)
    yield desk
    desk.retrieve.index.close()


def answer(desk: Desk, text: str):
    return asyncio.run(desk.ask(Question(text=text)))


@pytest.mark.parametrize(
    ("text", "reason", "language"),
    [
        ("Hello!", AnswerReason.GREETING, "en"),
        ("谢谢您！", AnswerReason.THANKS, "zh"),
        ("bye bye", AnswerReason.GOODBYE, "en"),
        ("转人工客服", AnswerReason.WANTS_PERSON, "zh"),
        ("where is my order 51723", AnswerReason.NEEDS_ACCOUNT, "en"),
    ],
)
def test_a_turn_is_answered_in_its_language_and_nothing_is_looked_for(ask, text, reason, language):
    answer, told = ask(text)
    assert (answer.outcome, answer.reason) == (Outcome.NOT_FOUND, reason)
    assert answer.text == TURN_TEXTS[reason][language]
    assert (answer.passages, answer.citations, answer.claims) == ((), (), ())
    assert answer.next_step.text
    assert [type(event) for event in told[:2]] == [PassagesReady, TextDelta]


def test_what_to_do_in_an_accident_is_quoted_first(safe_desk):
    said = answer(safe_desk, "my heater is smoking!!")
    assert (said.outcome, said.reason) == (Outcome.ANSWERED, AnswerReason.SAFETY)
    assert said.citations[0].quote == MANUAL[MANUAL.index("If") :]
    assert "12 euros" not in said.text
    assert "emergency number" in said.next_step.text


def test_an_accident_is_looked_for_by_its_hazard_where_its_words_find_nothing(safe_desk):
    said = answer(safe_desk, "热油溅到我手上了，好痛！")
    assert (said.outcome, said.reason) == (Outcome.ANSWERED, AnswerReason.SAFETY)
    assert "冷水冲洗" in said.citations[0].quote


def test_an_accident_that_no_document_speaks_of_has_a_next_step_and_no_quote(tmp_path):
    desk = make_desk(tmp_path / "default", HashEmbedder(), {"shop.md": ("en", SHOP)})
    said = answer(desk, "Smoke is coming out of my lamp!")
    assert (said.outcome, said.reason) == (Outcome.NOT_FOUND, AnswerReason.SAFETY)
    assert not said.citations
    assert "emergency number" in said.next_step.text
    desk.retrieve.index.close()


def test_in_an_accident_nothing_but_what_to_do_is_quoted(tmp_path):
    desk = make_desk(tmp_path / "default", HashEmbedder(), {"shop.md": ("en", SHOP)})
    answering = replace(desk, decide=DecideOptions(floor=0.0))
    asked = answer(answering, "What does the smoke grey lamp cost?")
    assert "12 euros" in asked.text
    said = answer(answering, "The smoke grey lamp is smoking!")
    assert (said.outcome, said.reason) == (Outcome.NOT_FOUND, AnswerReason.SAFETY)
    assert not said.citations
    desk.retrieve.index.close()


def test_turns_are_searched_for_where_recognition_is_off(desk):
    plain = replace(desk, turns=TurnOptions(recognise=False))
    assert answer(plain, "Hello!").reason is not AnswerReason.GREETING


def test_a_question_is_embedded_once(index, retrieve):
    texts = []

    class Counting(HashEmbedder):
        def embed_query(self, text):
            texts.append(text)
            return super().embed_query(text)

    counting = Counting(card=retrieve.embedder.card)
    memory = QueryMemory(counting)
    memory.embed_query("lamp")
    memory.embed_query("lamp")
    assert texts == ["lamp"]
    desk = Desk(retrieve=replace(retrieve, embedder=counting), collection="default")
    answer(desk, "How long does a refund take?")
    answer(desk, "How long does a refund take?")
    assert texts[1:] == ["How long does a refund take?"] * 2
