"""Spans of a question, by the SDK's own exporter in memory; and slow questions in the log."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from small_server import SmallReply, SmallServer
from web_home import publish, serving

from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.errors import EngineFailed, SettingsError
from ragdesk.on_opentelemetry import OtelTracer, open_otlp_tracer
from ragdesk.request_context import RequestContext, current_request, enter_request, trace_step
from ragdesk.support.key_store import KeyStore
from ragdesk.telemetry import TelemetryOptions, open_tracer

QUESTION = "When does a refund reach my account?"
TEXT = "A refund reaches your account within 14 days. Keep the quokka receipt."
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SAID = {
    "answerable": True,
    "sentences": [{"text": TEXT.split(".", maxsplit=1)[0] + ".", "citations": [1]}],
}
USAGE = {"choices": [], "usage": {"prompt_tokens": 812, "completion_tokens": 17}}


@pytest.fixture
def spans():
    """Give the spans by name, and have requests traced into memory."""
    exporter = InMemorySpanExporter()
    tracer = OtelTracer(SimpleSpanProcessor(exporter))

    class Spans:
        made = tracer

        def __call__(self) -> dict[str, list]:
            by_name: dict[str, list] = {}
            for span in exporter.get_finished_spans():
                by_name.setdefault(span.name, []).append(span)
            return by_name

    yield Spans()
    tracer.close()


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("traced")
    publish(home, "default", {"refunds.md": f"# Refunds\n\n{TEXT}\n"})
    return home


def stream(*events: dict) -> bytes:
    return b"".join(f"data: {json.dumps(e)}\n\n".encode() for e in events) + b"data: [DONE]\n\n"


def ask(published: Path, url: str, tracer, monkeypatch, **more: object):
    monkeypatch.setattr("ragdesk.web.api.open_tracer", lambda _: tracer)
    generate = GenerateOptions(urls=(url,), model="tiny", **more)
    tables = {"generate": generate, "decide": DecideOptions(floor=0.0)}
    keys = KeyStore(published)
    try:
        with serving(published, keys, tables=tables) as client:
            return client.post(
                "/v1/answers", json={"question": QUESTION}, headers={"traceparent": TRACEPARENT}
            )
    finally:
        keys.close()


def test_each_step_of_a_question_is_a_span_in_the_asker_s_trace(published, spans, monkeypatch):
    part = {"choices": [{"delta": {"content": json.dumps(SAID)}, "finish_reason": None}]}
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    with SmallServer(lambda _: SmallReply(body=stream(part, end, USAGE))) as model:
        response = ask(published, f"{model.url}/v1", spans.made, monkeypatch)
        (asked,) = model.requests
    assert response.json()["generator"] == "vllm"

    made = spans()
    steps = {"turns", "retrieve", "candidates", "read", "generate", "verify", "chat tiny"}
    assert {"POST", *steps} <= set(made)
    (request,), (chat,), (generate,) = made["POST"], made["chat tiny"], made["generate"]
    assert {span.context.trace_id for named in made.values() for span in named} == {int(TRACE, 16)}
    assert request.parent.span_id == 0x00F067AA0BA902B7
    assert request.attributes["http.route"] == "/v1/answers"
    assert request.attributes["http.response.status_code"] == 200
    assert made["retrieve"][0].parent.span_id == request.context.span_id
    assert made["candidates"][0].parent.span_id == made["retrieve"][0].context.span_id
    assert chat.parent.span_id == generate.context.span_id
    assert chat.kind is trace.SpanKind.CLIENT
    expected = {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "tiny",
        "gen_ai.provider.name": "vllm", "gen_ai.usage.input_tokens": 812,
        "gen_ai.usage.output_tokens": 17, "server.address": "127.0.0.1",
        "server.port": model.port, "gen_ai.response.finish_reasons": ("stop",),
    }  # fmt: skip
    assert expected.items() <= dict(chat.attributes).items()
    sent = {name.lower(): value for name, value in asked.headers.items()}["traceparent"]
    assert sent == f"00-{TRACE}-{chat.context.span_id:016x}-01"


def test_no_span_holds_a_word_of_question_document_or_answer(published, spans, monkeypatch):
    part = {"choices": [{"delta": {"content": json.dumps(SAID)}, "finish_reason": "stop"}]}
    with SmallServer(lambda _: SmallReply(body=stream(part, USAGE))) as model:
        ask(published, f"{model.url}/v1", spans.made, monkeypatch)
    written = " ".join(span.to_json() for named in spans().values() for span in named).lower()
    assert "chat tiny" in written
    for word in ("refund", "account", "quokka", "refunds.md"):
        assert word not in written


def test_a_failure_ends_a_span_by_its_code_and_not_by_its_words(published, spans, monkeypatch):
    with SmallServer(lambda _: SmallReply(status=500, body=b"the quokka broke")) as model:
        answer = ask(published, f"{model.url}/v1", spans.made, monkeypatch).json()
    assert answer["degraded"]
    chats = spans()["chat tiny"]
    assert len(chats) == 2  # one retry
    for chat in chats:
        assert chat.attributes["error.type"] == "refused"
        assert chat.status.status_code is trace.StatusCode.ERROR
        assert not chat.events  # no exception with its message
        assert chat.status.description is None


def test_a_count_that_never_comes_costs_the_answer_nothing(published, spans, monkeypatch):
    part = {"choices": [{"delta": {"content": json.dumps(SAID)}, "finish_reason": "stop"}]}

    def slowly():
        yield f"data: {json.dumps(part)}\n\n".encode()
        time.sleep(1.0)
        yield b"data: not JSON\n\n"

    with SmallServer(lambda _: SmallReply(body=slowly())) as model:
        answer = ask(published, f"{model.url}/v1", spans.made, monkeypatch).json()
    assert (answer["generator"], answer["degraded"]) == ("vllm", False)
    assert spans()["chat tiny"][0].attributes["ragdesk.usage"] == "TimeoutError"


def test_nothing_further_is_asked_of_a_server_while_nothing_is_traced(published, monkeypatch):
    part = {"choices": [{"delta": {"content": json.dumps(SAID)}, "finish_reason": "stop"}]}
    with SmallServer(lambda _: SmallReply(body=stream(part))) as model:
        ask(published, f"{model.url}/v1", None, monkeypatch)
        (asked,) = model.requests
    assert "stream_options" not in json.loads(asked.body)


def test_steps_in_threads_and_left_generators_keep_their_places(spans):
    def read() -> None:
        with trace_step("read"):
            pass

    async def parts():
        with trace_step("generate"):
            for n in range(3):
                with trace_step("verify"):
                    await asyncio.to_thread(read)
                yield n

    async def run() -> None:
        context = RequestContext(id="of-nobody", tracer=spans.made)
        with enter_request(context), trace_step("POST", "server"):
            made = parts()
            await asyncio.create_task(anext(made))  # another task begins it
            await asyncio.create_task(made.aclose())  # and another one ends it
            with trace_step("later"):
                pass
            with pytest.raises(EngineFailed), trace_step("failing"):
                raise EngineFailed("busy", "A word of a document.")
        assert context.span is None

    asyncio.run(run())
    made = {name: named[0] for name, named in spans().items()}
    root = made["POST"].context.span_id
    assert {made[n].parent.span_id for n in ("generate", "later", "failing")} == {root}
    assert made["read"].parent.span_id == made["verify"].context.span_id
    assert made["verify"].parent.span_id == made["generate"].context.span_id
    assert made["failing"].attributes["error.type"] == "busy"
    assert "error.type" not in made["generate"].attributes


def test_questions_at_the_same_time_do_not_share_a_trace(spans):
    def one(number: int) -> None:
        with enter_request(RequestContext(id=f"request-{number}", tracer=spans.made)):
            for name in ("outer", "inner"):
                with trace_step(f"{name} {number}"):
                    assert current_request().id == f"request-{number}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(32)))
    traces = {name: named[0].context.trace_id for name, named in spans().items()}
    assert len(set(traces.values())) == 64


def test_spans_arrive_at_a_real_receiver_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "support-desk")
    with SmallServer(lambda _: SmallReply()) as receiver:
        tracer = open_otlp_tracer(receiver.url)
        tracer.start_span("turns", "internal", None, TRACEPARENT, {"ragdesk.n": 1}).end()
        tracer.close()
        (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/v1/traces")
    (resource,) = ExportTraceServiceRequest.FromString(request.body).resource_spans
    about = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert about["service.name"] == "support-desk"
    (span,) = resource.scope_spans[0].spans
    assert (span.name, span.trace_id.hex()) == ("turns", TRACE)


def test_a_receiver_that_is_away_holds_up_no_end():
    silent = threading.Event()
    with SmallServer(lambda _: silent.wait(20) and SmallReply()) as receiver:
        tracer = open_otlp_tracer(receiver.url)
        tracer.start_span("turns", "internal", None, "", {}).end()
        ending = threading.Thread(target=tracer.close)
        ending.start()
        ending.join(15)
        assert not ending.is_alive()
        silent.set()


def test_no_traces_unless_the_settings_name_a_receiver(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert open_tracer(TelemetryOptions()) is None
    for wrong in ("collector:4318", "ftp://x", "http://"):
        with pytest.raises(SettingsError, match="is no address"):
            open_tracer(TelemetryOptions(endpoint=wrong))


def test_without_the_extra_the_remedy_is_named():
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from ragdesk.telemetry import TelemetryOptions, open_tracer\n"
        "open_tracer(TelemetryOptions(endpoint='http://127.0.0.1:4318'))"
    )
    done = subprocess.run(  # noqa: S603 - the lines above
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "pip install 'ragdesk[otel]'" in done.stderr


@pytest.mark.parametrize(("slow_seconds", "logged"), [(0.0, 0), (1e-9, 1), (600.0, 0)])
def test_a_slow_question_is_logged_with_its_steps_and_without_a_text(
    published, caplog, slow_seconds, logged
):
    keys = KeyStore(published)
    telemetry = TelemetryOptions(slow_seconds=slow_seconds)
    with serving(published, keys, tables={"telemetry": telemetry}) as client:
        logging.getLogger("ragdesk").propagate = True
        answer = client.post("/v1/answers", json={"question": QUESTION}).json()
    keys.close()
    lines = [line for line in caplog.records if line.getMessage() == "slow question"]
    assert len(lines) == logged
    for line in lines:
        assert line.answer == answer["id"]
        assert {"turns", "retrieve", "read", "generate", "total"} <= set(line.seconds)
        assert line.passages == len(answer["passages"])
        written = json.dumps(vars(line), default=str).lower()
        assert "quokka" not in written
        assert QUESTION.lower() not in written
