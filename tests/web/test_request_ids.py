"""One id through every step of a request: reply, problem, log lines, threads, jobs, the model."""

import asyncio
import io
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from small_server import SmallReply, SmallServer
from web_home import serving

from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.errors import Invalid
from ragdesk.logs import LineFormatter
from ragdesk.metrics import Metrics
from ragdesk.request_context import (
    RequestContext,
    describe_request,
    enter_request,
    make_outgoing_headers,
    run_in_pool,
)
from ragdesk.web.jobs import DocumentJob, JobQueue

QUESTION = "When does a refund reach my account?"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SAID = {"answerable": True, "sentences": [{"text": "It is so.", "citations": [1]}]}


@pytest.fixture
def lines():
    """Gather log lines as the formatter writes them, in the thread that writes them."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter(as_json=True))
    logger = logging.getLogger("ragdesk")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_a_well_formed_id_is_taken_and_comes_back_in_reply_problem_and_log(client, lines):
    headers = {"X-Request-Id": "order-17.b7d0c7f2", "traceparent": TRACEPARENT}
    response = client.get("/v1/conversations/none", headers=headers)

    assert response.status_code == 404
    assert response.headers["x-request-id"] == "order-17.b7d0c7f2"
    (line,) = [line for line in lines() if line["event"] == "request"]
    assert (line["request"], line["trace"]) == ("order-17.b7d0c7f2", TRACE)


@pytest.mark.parametrize("shown", ["", "short", "a" * 65, "two words", 'quote"quote', "-" * 12])
def test_any_other_id_is_replaced(client, shown):
    given = client.get("/healthz", headers={"X-Request-Id": shown}).headers["x-request-id"]
    assert given != shown
    assert len(given) == 16


def test_an_unexpected_error_is_counted_as_one_and_carries_its_id(client, lines, monkeypatch):
    opened = client.app.state.desk.open_collections._places["default"].shared.collection
    monkeypatch.setattr(type(opened.retrieve), "__call__", lambda *_, **__: {}["secret path"])

    headers = {"X-Request-Id": "broken-1"}
    response = client.post("/v1/search", json={"query": "x"}, headers=headers)

    assert response.headers["x-request-id"] == "broken-1"
    assert response.headers["x-content-type-options"] == "nosniff"
    (line,) = [line for line in lines() if line["event"] == "unexpected error"]
    assert line["request"] == "broken-1"
    page = client.get("/metrics").text
    assert 'ragdesk_requests_total{method="POST",route="/v1/search",status="5xx"} 1' in page


def test_the_model_s_server_gets_the_id_with_an_end_of_its_own_and_the_trace(home, keys):
    event = {"choices": [{"delta": {"content": json.dumps(SAID)}, "finish_reason": "stop"}]}
    body = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()
    with SmallServer(lambda _: SmallReply(body=body)) as model:
        generate = GenerateOptions(urls=(f"{model.url}/v1",), model="m")
        tables = {"generate": generate, "decide": DecideOptions(floor=0.0)}
        with serving(home, keys, tables=tables) as client:
            headers = {"X-Request-Id": "same-id-twice", "traceparent": TRACEPARENT}
            for _ in range(2):
                asked = client.post("/v1/answers", json={"question": QUESTION}, headers=headers)
                assert asked.json()["generator"] == "vllm"
        sent = [{k.lower(): v for k, v in r.headers.items()} for r in model.requests]
    ids = [one["x-request-id"] for one in sent]
    assert len(set(ids)) == len(ids) == 2
    assert all(one.startswith("same-id-twice-") for one in ids)
    assert {one["traceparent"] for one in sent} == {TRACEPARENT}


def test_pools_of_threads_work_for_the_same_request():
    async def run() -> list[dict[str, str]]:
        with ThreadPoolExecutor(1) as pool:
            with enter_request(RequestContext(id="of-somebody")):
                told = await run_in_pool(pool, describe_request)
            return [told, await run_in_pool(pool, describe_request)]

    assert asyncio.run(run()) == [{"request": "of-somebody"}, {}]


def test_a_job_remembers_the_request_that_asked_for_it(lines):
    def fail(job: DocumentJob) -> None:
        logging.getLogger("ragdesk.web").info("working")
        raise Invalid("No.")

    queue = JobQueue(fail, limit=4, metrics=Metrics())
    with enter_request(RequestContext(id="put-of-a-file")):
        job = queue.submit(owner="a", collection="c", uri="x", body=None)
    until = time.monotonic() + 20
    while queue.get_job(job.id).finished is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    queue.close(5)

    told = {line["event"]: line for line in lines()}
    assert {told[name]["request"] for name in ("working", "job failed")} == {"put-of-a-file"}


def test_work_of_nobody_s_names_no_request():
    assert describe_request() == make_outgoing_headers() == {}
