"""The judge: no verdict without a quote, no verdict from a broken reply, and the same bytes again."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from made_run import cases, documents, trials

from eval import case as cases_
from eval import store, trial
from eval.errors import NoAnswer
from eval.judge import Judge, JudgeOptions, read, share
from eval.judging import judge_run

PASSAGES = ["You have 30 days\nto return it.", "Shipping is free."]
HELD = documents()
ASKED = list(cases(HELD))


def reply(*verdicts, finish="stop"):
    content = json.dumps({"verdicts": list(verdicts)})
    return {"choices": [{"finish_reason": finish, "message": {"content": content}}]}


def verdict(sentence=1, verdict="supported", passage=1, quote="You have 30 days to return it."):
    return {"sentence": sentence, "verdict": verdict, "passage": passage, "quote": quote}


def test_a_quote_that_stands_in_the_passage_supports():
    found = read(reply(verdict()), ["30 days."], PASSAGES)
    assert (found[0].verdict, found[0].downgraded, share(found)) == ("supported", "", 1.0)


@pytest.mark.parametrize(
    "given", [verdict(quote="60 days"), verdict(passage=2), verdict(passage=7), verdict(quote=" ")]
)
def test_a_quote_that_is_not_there_is_downgraded(given):
    found = read(reply(given), ["30 days."], PASSAGES)
    assert (found[0].verdict, share(found)) == ("not_stated", 0.0)
    assert found[0].downgraded.startswith("supported: ")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (reply(verdict(), finish="length"), "was cut"),
        (reply(), "0 verdicts on 1"),
        (reply(verdict(), verdict()), "2 verdicts on 1"),
        (reply(verdict(verdict="maybe")), "no verdict"),
        (reply(verdict(sentence=2)), "1 verdicts on 1"),
        ({"choices": [{"finish_reason": "stop", "message": {"content": "{"}}]}, "not what was"),
        ({"choices": [{"finish_reason": "stop", "message": {"content": None}}]}, "not what was"),
        ({"choices": []}, "not what was"),
        ({}, "not what was"),
    ],
)
def test_a_broken_reply_is_an_error_and_never_a_verdict(raw, why):
    with pytest.raises(NoAnswer, match=why):
        read(raw, ["30 days."], PASSAGES)


def test_an_answer_that_claims_nothing_has_no_share():
    assert share(read(reply(verdict(verdict="no_claim")), ["Sure!"], PASSAGES)) is None


class Scripted(BaseHTTPRequestHandler):
    """A model that quotes the first passage, and now and then breaks its reply."""

    asked = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Scripted.asked += 1
        text = body["messages"][1]["content"]
        first = text.split("[1] ")[1].split("\n\n")[0]
        cut = "0x" in text.split("Sentences:")[1]
        raw = json.dumps(reply(verdict(quote=first), finish="length" if cut else "stop")).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def model():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_run_is_judged_once_and_replayed_with_the_same_bytes(tmp_path, model):
    cases_.write(tmp_path / store.CASES, ASKED)
    lines = [trial.line(one) for one in trials(HELD, ASKED).values()]
    (tmp_path / trial.TRIALS).write_text("".join(lines), encoding="utf-8")
    options = JudgeOptions(url=model, model="m")
    found = judge_run(tmp_path, Judge(options, tmp_path / "judge"))
    first = [(tmp_path / name).read_bytes() for name in ("judged.jsonl", "judge.json")]
    asked = Scripted.asked
    judge_run(tmp_path, Judge(options, tmp_path / "judge", offline=True), jobs=1)
    assert [(tmp_path / n).read_bytes() for n in ("judged.jsonl", "judge.json")] == first
    assert Scripted.asked == asked
    one = found["judge_faithfulness"]
    assert one["n_error"] > 0
    assert one["value"] == 1.0, "errors must not shift the mean"


def test_what_was_not_judged_before_is_an_error_offline(tmp_path):
    judge = Judge(JudgeOptions(url="http://x", model="m"), tmp_path, offline=True)
    with pytest.raises(NoAnswer, match="asks nobody"):
        judge(["30 days."], PASSAGES)
