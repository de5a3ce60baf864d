"""Answers written by a model: the scripted writer over HTTP, through the real desk."""

import asyncio
import json
from dataclasses import replace

import pytest
from engines import running
from model_desk import RETURNED, by_model
from scripted_writer import app
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from indexes.chunk import Chunk, Passage, SearchFilter
from ragdesk.answering.answer import (
    ClaimChecked,
    ClaimVerdict,
    Outcome,
    PassagesReady,
    Question,
    TextDelta,
)
from ragdesk.answering.desk import Desk
from ragdesk.answering.messages import NO_ANSWER_TEXT, localise_text
from ragdesk.answering.writing import prompts
from ragdesk.answering.writing.answer_decoder import DecodedSentence
from ragdesk.answering.writing.claim_check import ClaimChecker
from ragdesk.answering.writing.model_writer import _AnswerInProgress
from ragdesk.answering.writing.prompt_builder import (
    SENTENCE_CHARACTERS,
    TEMPLATE_TOKENS,
    PromptBuilder,
)
from ragdesk.answering.writing.prompts import Prompt, PromptSource
from ragdesk.answering.writing.writing_options import GroundOptions, VerifyOptions
from ragdesk.errors import EngineFailed

ASKED = (
    RETURNED,
    "What does shipping to Norway cost?",
    "退款几天到账？",
    "How do I reset the kettle?",
)


def told(desk: Desk, text: str, **facts: object) -> list[object]:
    async def events() -> list[object]:
        found = [event async for event in desk.stream(Question(text=text, **facts))]
        await desk.writer.engine.close()
        return found

    return asyncio.run(events())


def holds(events: list[object], index) -> None:
    """Hold every invariant of an answer."""
    answer = events[-1].answer
    assert events[0] == PassagesReady(answer.passages)
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == answer.text
    verdicts = [(e.claim, e.support, e.verdict) for e in events if isinstance(e, ClaimChecked)]
    assert verdicts == [(c.text, c.support, c.verdict) for c in answer.claims]
    for citation in answer.citations:
        assert index.read_text(citation.uri)[citation.start : citation.end] == citation.quote
    numbers = {c.number for c in answer.citations}
    assert all(set(claim.citations) <= numbers for claim in answer.claims)
    assert {c.chunk for c in answer.citations} <= {p.chunk for p in answer.passages}


@pytest.mark.parametrize("dialect", ["vllm", "openai", "plain"])
@pytest.mark.parametrize("send", ["hold", "show"])
@pytest.mark.parametrize("text", ASKED)
def test_a_written_answer_can_be_checked(desk, index, dialect, send, text):
    with running(app(share=0.0)) as url:
        events = told(by_model(desk, url, dialect=dialect), text, send=send)
    answer = events[-1].answer
    holds(events, index)
    assert answer.outcome is Outcome.ANSWERED
    assert (answer.generator, answer.model, answer.degraded) == ("vllm", "scripted", False)
    assert any(c.verdict is ClaimVerdict.SUPPORTED for c in answer.claims)


def test_shown_words_come_before_their_verdict(desk, index):
    with running(app(share=0.0)) as url:
        events = told(by_model(desk, url), RETURNED, send="show")
    first = next(i for i, e in enumerate(events) if isinstance(e, ClaimChecked))
    assert sum(isinstance(e, TextDelta) for e in events[:first]) > 2


@pytest.mark.parametrize("failed", ["drop", "keep", "repair", "refuse"])
def test_what_becomes_of_lies(desk, index, failed):
    with running(app(share=1.0)) as url:
        events = told(by_model(desk, url, VerifyOptions(failed=failed)), RETURNED)
    answer = events[-1].answer
    holds(events, index)
    bad = [c for c in answer.claims if c.verdict is ClaimVerdict.UNSUPPORTED]
    assert bool(bad) == (failed == "keep")
    assert bool(answer.withheld) or failed in {"keep", "repair"}
    if failed == "refuse":
        assert (answer.outcome, answer.citations) == (Outcome.UNSUPPORTED, ())
    if failed == "drop" and answer.degraded:
        assert (answer.generator, answer.degraded_reason[:11]) == ("extractive", "unsupported")


@pytest.mark.parametrize(
    "text", ["WHEN do the Parcels leave our warehuose in Lyon?", "發飘怎麼補開？"]
)
def test_the_model_is_asked_what_was_asked(desk, text):
    recorder = Recorder(app(share=0.0))
    with running(recorder) as url:
        told(by_model(desk, url), text)
    sent = [json.loads(body)["messages"][-1]["content"] for body in recorder.bodies]
    assert sent
    assert all(text in prompt for prompt in sent)


class Recorder:
    """Serves an app, and keeps the bodies of its requests."""

    def __init__(self, served):
        self.served, self.bodies = served, []

    async def __call__(self, scope, receive, send):
        async def record():
            message = await receive()
            if body := message.get("body"):
                self.bodies.append(body)
            return message

        await self.served(scope, record, send)


class Tired:
    """Serves an app, and nothing any more after some questions."""

    def __init__(self, served, most):
        self.served, self.left = served, most

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["method"] == "POST":
            self.left -= 1
            if self.left < 0:
                await JSONResponse({}, 500)(scope, receive, send)
                return
        await self.served(scope, receive, send)


@pytest.mark.parametrize("send", ["hold", "show"])
def test_a_repair_that_fails_spoils_no_answer(desk, index, send):
    withheld = []
    for seed in range(6):
        with running(Tired(app(share=0.5, seed=seed), most=1)) as url:
            events = told(by_model(desk, url, VerifyOptions(failed="repair")), RETURNED, send=send)
        holds(events, index)
        answer = events[-1].answer
        if answer.generator == "vllm":
            withheld.append(answer.withheld)
    assert any(withheld) or send == "show"


def broken_off(words):
    """Serve a model that stops for length amid its first sentence."""

    def piece(**choice):
        return f"data: {json.dumps({'choices': [choice]})}\n\n"

    async def complete(_request):
        said = json.dumps({"sentences": [{"text": words}]})[: -len('"}]}')]
        last = piece(delta={}, finish_reason="length")
        parts = [*(piece(delta={"content": c}, finish_reason=None) for c in said), last]
        return StreamingResponse(iter([*parts, "data: [DONE]\n\n"]), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


def test_words_that_were_shown_are_not_unsaid(desk, index):
    with running(broken_off("Refunds take three")) as url:
        events = told(by_model(desk, url, model="short"), RETURNED, send="show")
    holds(events, index)
    answer = events[-1].answer
    assert answer.text.splitlines()[0] == "Refunds take"
    assert answer.degraded_reason.startswith("cut_off")
    assert answer.outcome is Outcome.NOT_FOUND


def test_a_blank_sentence_takes_nothing_from_the_next():
    page = _AnswerInProgress(
        prompt=Prompt(system="", user=""),
        question="",
        verify=ClaimChecker(options=VerifyOptions(), idf=lambda _: 1.0),
        show=True,
        failed="drop",
    )
    assert page.take_sentence(DecodedSentence("\u200b", (), is_complete=False)) == []
    assert page.take_sentence(DecodedSentence("\u200b", (), is_complete=True)) == []
    (told,) = page.take_sentence(
        DecodedSentence("Refunds take three days, and", (), is_complete=False)
    )
    assert told.startswith("Refunds take")


def test_room_is_kept_for_a_repair():
    facts = {
        "options": GroundOptions(context=3_000),
        "count_tokens": len,
        "answer_tokens": 100,
        "sentences": 3,
    }
    text = "Refunds take three days. " * 12
    chunk = Chunk(document="d", uri="a.md", title="A", text=text, start=0, end=len(text))
    found = [
        PromptSource(Passage(chunk=replace(chunk, document=str(n)), score=1.0)) for n in range(9)
    ]
    for repairs in (False, True):
        prompt = PromptBuilder(**facts, structured=False, repairs=repairs)("How long?", "en", found)
        again = prompts.format_repair(prompt.user, "x" * SENTENCE_CHARACTERS, "en")
        assert (len(prompt.system) + len(again) + TEMPLATE_TOKENS + 100 <= 3_000) is repairs
    assert prompt.passages


def test_orders_in_documents_bring_no_link_image_or_foreign_citation(desk, index):
    with running(app(adversary=True)) as url:
        for failed in ("drop", "keep"):
            for send in ("hold", "show"):
                for dialect in ("vllm", "plain"):
                    lax = VerifyOptions(failed=failed)
                    events = told(by_model(desk, url, lax, dialect=dialect), RETURNED, send=send)
                    holds(events, index)
                    text = events[-1].answer.text
                    assert not any(
                        sign in text for sign in ("://", "www.", "![", "](", "<img", "[99]")
                    )


def test_tenants_have_caches_of_their_own(desk):
    made = app(share=0.0)
    with running(made) as url:
        asking = by_model(desk, url)

        async def ask() -> list[object]:
            wheres = [SearchFilter(groups=frozenset(g)) for g in ((), ("staff",), ("staff",))]
            answers = [await asking.ask(Question(text=RETURNED, where=w)) for w in wheres]
            await asking.writer.engine.close()
            return answers

        answers = asyncio.run(ask())
    salts = [one["salt"] for one in made.state.seen]
    assert len(set(salts)) == 2
    assert salts[1] == salts[2]
    assert len({answer.id for answer in answers}) == 3


def test_nothing_is_sent_but_our_own_schema(desk):
    made = app(share=0.0)
    with running(made) as url:
        told(by_model(desk, url), RETURNED)
    assert set(made.state.seen[0]["body"]) == {
        "model", "messages", "max_tokens", "temperature", "stream", "response_format", "cache_salt",
        "chat_template_kwargs",
    }  # fmt: skip


def test_without_degrading_a_failure_is_an_error(desk):
    with pytest.raises(EngineFailed):
        told(by_model(desk, "http://127.0.0.1:9/v1", degrade=False), RETURNED)


def writes(*texts):
    """Serve a model that writes just these sentences."""

    async def complete(_request):
        said = json.dumps(
            {"sentences": [{"text": text, "citations": [*range(1, 9)]} for text in texts]}
        )
        choice = {"delta": {"content": said}, "finish_reason": "stop"}
        parts = [f"data: {json.dumps({'choices': [choice]})}\n\n", "data: [DONE]\n\n"]
        return StreamingResponse(iter(parts), media_type="text/event-stream")

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


@pytest.mark.parametrize("send", ["hold", "show"])
@pytest.mark.parametrize("texts", [("👍",), ("…", "***"), ("。",)])
def test_marks_alone_are_no_answer(desk, index, texts, send):
    with running(writes(*texts)) as url:
        events = told(by_model(desk, url, model="m"), RETURNED, send=send)
    holds(events, index)
    answer = events[-1].answer
    assert (answer.outcome, answer.citations) == (Outcome.NOT_FOUND, ())
    assert localise_text(NO_ANSWER_TEXT, "en") in answer.text
    assert send == "show" or not set("".join(texts)) & set(answer.text) - {"."}


def test_a_sentence_that_claims_nothing_is_said_only_with_one_that_does(desk, index):
    claim = "Unused articles can be sent back within 30 days of delivery."
    with running(writes("For you:", claim, "👍", "For me:")) as url:
        events = told(by_model(desk, url, model="m"), RETURNED)
    holds(events, index)
    answer = events[-1].answer
    assert [one.text for one in answer.claims] == ["For you:", claim]
    assert answer.outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    "text",
    [
        "The passages do not say for how long unused articles may be kept.",
        "I cannot answer this from the documents.",
        "所提供的段落没有提到这一点。",
    ],
)
def test_a_denial_in_words_is_one(desk, index, text):
    with running(writes(text)) as url:
        events = told(by_model(desk, url, model="m"), RETURNED)
    holds(events, index)
    answer = events[-1].answer
    assert (answer.outcome, answer.degraded, answer.withheld) == (Outcome.NOT_FOUND, False, 0)
    claim = "Unused articles can be sent back within 30 days of delivery."
    with running(writes(claim, text)) as url:
        answered = told(by_model(desk, url, model="m"), RETURNED)[-1].answer
    assert [one.text for one in answered.claims] == [claim]
