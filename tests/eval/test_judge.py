"""The judge: no verdict without a quote, no verdict from a broken reply, and the same bytes again."""

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest
from engines import answering
from seeded_run import cases, documents, stored

from eval.errors import NoAnswer
from eval.judge import Judge, compute_supported_share, read_judgement
from eval.judge_client import JudgeClient, JudgeOptions, read_mark, read_model_json
from eval.judging import judge_run
from eval.preference import Preference, compare_answers, compare_run_answers

PASSAGES = ["You have 30 days\nto return it.", "Shipping is free."]
HELD = documents()
ASKED = list(cases(HELD))


def reply(*verdicts, finish="stop", **marks):
    marks = {"fluency": 4, "helpfulness": 2} | marks
    content = json.dumps({"verdicts": list(verdicts), **marks})
    return {"choices": [{"finish_reason": finish, "message": {"content": content}}]}


def verdict(sentence=1, verdict="supported", passage=1, quote="You have 30 days to return it."):
    return {"sentence": sentence, "verdict": verdict, "passage": passage, "quote": quote}


def test_a_quote_that_stands_in_the_passage_supports():
    found = read_judgement(read_model_json(reply(verdict())), ["30 days."], PASSAGES)
    assert (found[0].verdict, found[0].downgraded, compute_supported_share(found)) == (
        "supported",
        "",
        1.0,
    )


@pytest.mark.parametrize(
    "given", [verdict(quote="60 days"), verdict(passage=2), verdict(passage=7), verdict(quote=" ")]
)
def test_a_quote_that_is_not_there_is_downgraded(given):
    found = read_judgement(read_model_json(reply(given)), ["30 days."], PASSAGES)
    assert (found[0].verdict, compute_supported_share(found)) == ("not_stated", 0.0)
    assert found[0].downgraded.startswith("supported: ")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (reply(verdict(), finish="length"), "was cut"),
        (reply(), "0 verdicts on 1"),
        (reply(verdict(), verdict()), "2 verdicts on 1"),
        (reply(verdict(verdict="maybe")), "no verdict"),
        (reply(verdict(sentence=2)), "1 verdicts on 1"),
        (reply(verdict(sentence=1e999)), "not what was"),
        (reply(verdict(passage="two")), "'two', which is no passage"),
        (reply(verdict(passage=[1])), "no passage"),
        (reply(verdict(passage=1e999)), "no passage"),
        ({"choices": [{"finish_reason": "stop", "message": {"content": "{"}}]}, "not what was"),
        ({"choices": [{"finish_reason": "stop", "message": {"content": None}}]}, "not what was"),
        ({"choices": []}, "not what was"),
        ({}, "not what was"),
    ],
)
def test_a_broken_reply_is_an_error_and_never_a_verdict(raw, why):
    with pytest.raises(NoAnswer, match=why):
        read_judgement(read_model_json(raw), ["30 days."], PASSAGES)


def test_an_answer_that_claims_nothing_has_no_share():
    assert (
        compute_supported_share(
            read_judgement(read_model_json(reply(verdict(verdict="no_claim"))), ["Sure!"], PASSAGES)
        )
        is None
    )


@pytest.mark.parametrize("mark", [0, 6, True, "4", None])
def test_a_mark_is_a_whole_number_from_1_to_5(mark):
    with pytest.raises(NoAnswer, match="no mark"):
        read_mark({"fluency": mark}, "fluency")


class Scripted(BaseHTTPRequestHandler):
    """A model that quotes the first passage, and now and then breaks its reply or fails.

    Of two answers it prefers the longer one, and of two alike the one that it reads first.
    """

    asked = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Scripted.asked += 1
        text = body["messages"][1]["content"]
        if body["response_format"]["json_schema"]["name"] == "preference":
            first, second = text.split("First answer:\n")[1].split("\n\nSecond answer:\n")
            better = {"better": "second" if len(second) > len(first) else "first"}
            message = {"content": json.dumps(better)}
            self.answer({"choices": [{"finish_reason": "stop", "message": message}]})
            return
        first = text.split("[1] ")[1].split("\n\n")[0]
        if "0x" in text.split("Sentences:")[1]:
            self.answer(reply(verdict(quote=first), finish="length"))
        elif "1x" in text.split("Sentences:")[1]:
            self.send_error(500)
        else:
            self.answer(reply(verdict(quote=first)))

    def answer(self, held) -> None:
        raw = json.dumps(held).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def model():
    with answering(Scripted) as url:
        yield url


def test_a_run_is_judged_once_and_replayed_with_the_same_bytes(tmp_path, model):
    stored(tmp_path, HELD, ASKED)
    options = JudgeOptions(url=model, model="m")
    found = judge_run(tmp_path, Judge(JudgeClient(options, tmp_path / "judge")))
    first = [(tmp_path / name).read_bytes() for name in ("judged.jsonl", "judge.json")]
    asked = Scripted.asked
    judge_run(tmp_path, Judge(JudgeClient(options, tmp_path / "judge", offline=True)), jobs=1)
    assert [(tmp_path / n).read_bytes() for n in ("judged.jsonl", "judge.json")] == first
    assert Scripted.asked == asked
    one = found["judge_faithfulness"]
    assert one["n_error"] > 0
    assert one["value"] == 1.0, "errors must not shift the mean"
    assert (found["fluency"]["value"], found["helpfulness"]["value"]) == (4.0, 2.0)
    reasons = {json.loads(line)["reason"][:25] for line in first[0].decode().splitlines()}
    assert {"the judge's reply was cut", "HTTP 500: "} <= {
        r if "HTTP" not in r else "HTTP 500: " for r in reasons
    }


def test_what_was_not_judged_before_is_an_error_offline(tmp_path):
    judge = Judge(JudgeClient(JudgeOptions(url="http://x", model="m"), tmp_path, offline=True))
    with pytest.raises(NoAnswer, match="nobody is asked"):
        judge("How long?", ["30 days."], PASSAGES)


def test_a_damaged_reply_is_an_error_that_names_the_file(tmp_path):
    ask = JudgeClient(JudgeOptions(url="http://x", model="m"), tmp_path, post=lambda *_: reply())
    _, key = ask({})
    (tmp_path / f"{key}.json").write_text("{", encoding="utf-8")
    with pytest.raises(NoAnswer, match=key):
        ask({})


def longer(answer):
    return {**answer, "text": f"{answer['text']} And more."}


def test_the_longer_answers_win_in_both_orders_and_alike_ones_tie(tmp_path, model):
    ours, theirs = (
        stored(tmp_path / "a", HELD, ASKED, longer),
        stored(tmp_path / "b", HELD, ASKED),
    )
    ask = JudgeClient(JudgeOptions(url=model, model="m"), ours / "judge")
    found = compare_run_answers(ours, theirs, ask, votes=3)
    assert found["preferred"]["value"] == found["orders_agree"] == 1.0
    assert found["won"] == found["preferred"]["n_ok"] > 10
    same = compare_run_answers(ours, stored(tmp_path / "c", HELD, ASKED, longer), ask, votes=2)
    assert (same["preferred"]["value"], same["orders_agree"]) == (0.5, 0.0)
    bytes_ = (ours / "preferred.json").read_bytes()
    compare_run_answers(ours, tmp_path / "c", replace(ask, offline=True), votes=2)
    assert (ours / "preferred.json").read_bytes() == bytes_


def test_a_preference_of_another_shape_is_an_error_of_that_case(tmp_path):
    message = {"content": json.dumps({"better": ["first"]})}
    raw = {"choices": [{"finish_reason": "stop", "message": message}]}
    ask = JudgeClient(JudgeOptions(url="http://x", model="m"), tmp_path, post=lambda *_: raw)
    with pytest.raises(NoAnswer, match="no preference"):
        compare_answers(ask, "How long?", "30 days.", "60 days.")


def test_one_order_alone_does_not_win():
    assert Preference(forward=("a", "a", "a"), backward=("b", "b", "b")).winner == "tie"
    assert Preference(forward=("a", "a", "a"), backward=("b", "tie", "a")).winner == "a"
