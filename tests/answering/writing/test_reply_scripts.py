"""Models that think, fence, mark and deny in their own ways: an answer, or the reason for none."""

import asyncio
import time

import pytest
from engines import running
from fakes import document, publish
from model_desk import RETURNED, by_model
from reply_scripts import ReplyScript

from indexes.embedding.background import open_background
from indexes.index import Index
from ragdesk.answering.answer import AnswerReason, Done, Outcome, Question, TextDelta
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.desk import Desk
from ragdesk.answering.retrieval.retriever import Retriever
from ragdesk.answering.writing.foreign_evidence import ForeignEvidenceReader
from ragdesk.answering.writing.prompts import Prompt
from ragdesk.errors import EngineFailed

SENTENCE = "Unused articles can be sent back within 30 days of delivery."
SOURCE = "within 30 days"
PATIENT = {"model": "m", "first_seconds": 20.0, "silence_seconds": 20.0}
SAID = (
    "right", "null role", "carriage returns", "reasoning", "reasoning_content", "tags",
    "capital tags", "two thoughts", "fence",
)  # fmt: skip
FALLEN = {
    "open tag": "thoughts_only",
    "cut thoughts": "thoughts_only",
    "answer among thoughts": "thoughts_only",
    "nothing": "garbage",
    "failure": "garbage",
    "no stream": "truncated",
    "cut first sentence": "cut_off",
}


@pytest.fixture(scope="module")
def model():
    """A server whose replies follow a script, and its address."""
    reply = ReplyScript()
    with running(reply) as url:
        reply.url = url
        yield reply


def ask(desk, model, text=RETURNED, *, send="hold", times=1, **options):
    """Ask a desk whose model follows a script; return the last answer."""

    async def stream(asking):
        events = [event async for event in asking.stream(Question(text=text, send=send))]
        assert isinstance(events[-1], Done)
        answer = events[-1].answer
        deltas = (event.text for event in events if isinstance(event, TextDelta))
        assert "".join(deltas) == answer.text
        return answer

    async def run():
        asking = by_model(desk, model.url, **PATIENT | options)
        try:
            for _ in range(times - 1):
                await stream(asking)
            return await stream(asking)
        finally:
            await asking.writer.engine.close()

    return asyncio.run(run())


@pytest.mark.parametrize("dialect", ["vllm", "plain"])
@pytest.mark.parametrize("send", ["hold", "show"])
@pytest.mark.parametrize("script", SAID)
def test_the_answer_is_said_and_nothing_around_it(desk, model, script, send, dialect):
    model.follow(script, SENTENCE, SOURCE)
    answer = ask(desk, model, send=send, dialect=dialect)
    assert (answer.outcome, answer.degraded_reason) == (Outcome.ANSWERED, None)
    assert answer.text == f"{SENTENCE} [1]"
    assert SOURCE in answer.citations[0].quote


@pytest.mark.parametrize("dialect", ["vllm", "plain"])
@pytest.mark.parametrize("script", FALLEN)
def test_what_is_no_answer_falls_back_to_the_documents_with_its_reason(
    desk, model, script, dialect
):
    model.follow(script, SENTENCE, SOURCE)
    answer = ask(desk, model, dialect=dialect)
    assert (answer.outcome, answer.generator) == (Outcome.ANSWERED, "extractive")
    assert answer.degraded_reason.partition(":")[0] == FALLEN[script]
    assert SOURCE in answer.citations[0].quote


def test_a_thought_is_a_sign_of_life_and_no_word(desk, model):
    model.follow("slow thoughts", SENTENCE, SOURCE)
    answer = ask(desk, model, first_seconds=1.5, silence_seconds=10.0)
    assert (answer.text, answer.degraded) == (f"{SENTENCE} [1]", False)
    model.follow("thought, then silence", SENTENCE, SOURCE)
    stalled = ask(desk, model, silence_seconds=0.5)
    assert stalled.degraded_reason.startswith("stalled")


@pytest.mark.parametrize("script", ["cut thoughts", "endless thoughts", "open tag"])
def test_an_address_whose_model_thinks_too_long_is_not_rested(desk, model, script):
    model.follow(script, SENTENCE, SOURCE)
    answer = ask(desk, model, times=2, trips=1, total_seconds=1.5)
    assert answer.degraded_reason.startswith("thoughts_only")
    assert len(model.bodies) == 2


@pytest.mark.parametrize("dialect", ["vllm", "plain"])
def test_thoughts_without_an_opening_tag_are_kept_from_the_second_answer_on(desk, model, dialect):
    """The first time they may have been shown; a model that does so once, always does."""
    model.follow("closing tag", SENTENCE, SOURCE)
    held = ask(desk, model, dialect=dialect)
    assert (held.text, held.degraded) == (f"{SENTENCE} [1]", False)
    switched = ask(desk, model, send="show", dialect=dialect, thinking="on")
    assert (switched.text, switched.degraded) == (f"{SENTENCE} [1]", False)
    learned = ask(desk, model, dialect=dialect, times=2)
    assert (learned.text, learned.degraded) == (f"{SENTENCE} [1]", False)


def test_a_cut_answer_keeps_its_whole_sentences(desk, model):
    for dialect in ("vllm", "plain"):
        model.follow("cut answer", SENTENCE, SOURCE)
        answer = ask(desk, model, dialect=dialect)
        assert answer.degraded_reason.startswith("cut_off")
        assert answer.text == f"{SENTENCE} [1]"


@pytest.mark.parametrize("mark", ["【{number}】", "［{number}］", "〔{number}〕", "[{number}]"])
@pytest.mark.parametrize("send", ["hold", "show"])
def test_marks_of_any_width_cite_in_plain_text(desk, model, mark, send):
    model.follow("right", None, SOURCE, say=f"{SENTENCE.removesuffix('.')}{mark}.")
    answer = ask(desk, model, send=send, dialect="plain")
    assert (answer.outcome, answer.degraded) == (Outcome.ANSWERED, False)
    assert SOURCE in answer.citations[0].quote


@pytest.mark.parametrize("dialect", ["vllm", "plain"])
@pytest.mark.parametrize("send", ["hold", "show"])
@pytest.mark.parametrize("script", ["right", "tags", "fence"])
def test_a_model_that_says_that_no_passage_answers_is_believed(desk, model, script, send, dialect):
    model.follow(script, None)
    answer = ask(desk, model, send=send, dialect=dialect)
    assert (answer.outcome, answer.degraded) == (Outcome.NOT_FOUND, False)
    assert (answer.generator, answer.claims, answer.citations) == ("vllm", (), ())
    assert answer.reason is AnswerReason.NEAR_MISS
    assert answer.next_step
    assert "NO_ANSWER" not in answer.text


def test_only_hopeless_questions_are_kept_from_a_model_and_its_failure_is_no_answer(desk, model):
    strict = Desk(retrieve=desk.retrieve, collection="default", decide=DecideOptions(floor=0.99999))
    assert asyncio.run(strict.ask(Question(text=RETURNED))).outcome is Outcome.NOT_FOUND
    model.follow("right", SENTENCE, SOURCE)
    assert ask(strict, model).text == f"{SENTENCE} [1]"
    model.follow("cut thoughts", SENTENCE)
    fallen = ask(strict, model)
    assert (fallen.outcome, fallen.claims) == (Outcome.NOT_FOUND, ())
    assert fallen.degraded_reason.startswith("thoughts_only")
    hopeless = Desk(
        retrieve=desk.retrieve, collection="default", decide=DecideOptions(model_floor=1.0)
    )
    model.follow("right", SENTENCE, SOURCE)
    assert ask(hopeless, model).outcome is Outcome.NOT_FOUND
    assert not model.bodies


@pytest.mark.parametrize(
    ("options", "switch", "tokens"),
    [
        ({}, {"enable_thinking": False}, 512),
        ({"thinking": "on"}, {"enable_thinking": True}, 512 + 2048),
        (
            {"thinking": "on", "thinking_tokens": 88, "max_tokens": 12},
            {"enable_thinking": True},
            100,
        ),
        ({"dialect": "plain"}, None, 512),
        ({"dialect": "openai"}, None, 512),
        ({"dialect": "plain", "thinking": "off"}, {"enable_thinking": False}, 512),
        (
            {"chat_template_kwargs": {"thinking": False}},
            {"enable_thinking": False, "thinking": False},
            512,
        ),
    ],
)
def test_the_thinking_switch_is_sent_where_it_is_known(desk, model, options, switch, tokens):
    model.follow("right", SENTENCE, SOURCE)
    assert not ask(desk, model, **options).degraded
    assert model.bodies[0].get("chat_template_kwargs") == switch
    assert model.bodies[0]["max_tokens"] == tokens


def test_a_few_words_before_an_answer_are_over_in_time_and_without_thoughts(desk, model):
    model.follow("endless thoughts", SENTENCE)

    async def write():
        asking = by_model(desk, model.url, **PATIENT | {"thinking": "on", "first_seconds": 3.0})
        began = time.monotonic()
        with pytest.raises(EngineFailed, match="few words"):
            async for _ in asking.writer.follow_up(Question(text="?"))(
                Prompt(system="s", user="And opened ones?")
            ):
                pass
        await asking.writer.engine.close()
        return time.monotonic() - began

    assert asyncio.run(write()) < 20
    assert model.bodies[0]["chat_template_kwargs"] == {"enable_thinking": False}


HOUSE = (
    "The reading room opens at 8:15 and closes at 16:45.\n"
    "Books are lent for 30 days.\nBikes may not be parked in the yard."
)
ZH = "阅览室几点开门？"


@pytest.fixture(scope="module")
def bilingual(packaged, cache, tmp_path_factory):
    """A desk over an English document, with the multilingual model, that any question reaches."""
    folder = tmp_path_factory.mktemp("home") / "default"
    publish(folder, document("house.md", HOUSE), embedder=packaged)
    background = open_background(packaged, cache)
    with Index.open(folder, card=packaged.card) as index:
        retrieve = Retriever(index=index, embedder=packaged, background=background)
        decide = DecideOptions(floor=0.0, model_floor=0.0)
        foreign = ForeignEvidenceReader(embedder=packaged, background=background)
        yield Desk(retrieve=retrieve, collection="default", decide=decide), foreign


@pytest.mark.parametrize(
    "case",
    [
        (ZH, "阅览室八点十五分开门。", "8:15", True),
        (ZH, "阅览室早上8:15开放。", "8:15", True),
        ("书可以借多久？", "图书可借三十天。", "30", True),
        (ZH, "阅览室九点开门。", "8:15", False),
        ("书可以借多久？", "图书可借六十天。", "30", False),
        ("自行车能停在院子里吗？", "自行车可以停放在院子里。", "Bikes", False),
        (ZH, "食堂供应三种套餐。", "8:15", False),
        ("When does the reading room open?", "阅览室八点十五分开门。", "8:15", False),
    ],
)
@pytest.mark.parametrize("dialect", ["vllm", "plain"])
def test_an_answer_in_the_questions_language_rests_on_passages_of_the_other(
    bilingual, model, dialect, case
):
    (desk, foreign), (text, sentence, source, said) = bilingual, case
    model.follow("right", sentence, source)
    answer = ask(desk, model, text, dialect=dialect, foreign=foreign)
    assert (answer.generator == "vllm") == said
    if said:
        assert answer.text == f"{sentence} [1]"
        assert answer.citations[0].quote in HOUSE
    else:
        assert answer.degraded_reason.startswith("unsupported")
