"""A rival is asked through a mapping file, a ragdesk through its own address."""

import json
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest
from engines import answering
from server_process import served
from web_home import REFUNDS, TEXTS, publish

from eval import report
from eval.case import Case, Evidence
from eval.errors import BadTarget, NoAnswer
from eval.run import run_cases
from eval.target_reply import read_reply
from eval.targets import MappedTarget, RagdeskTarget, open_target

CASE = Case(id="1", lang="en", question="How long?", history=({"role": "user", "text": "Hi."},))
REPLIES = {
    "/chat": {"choices": [{"message": {"content": "Five days [1]. It is free."}}]},
    "/json": {
        "out": {"say": "Five days.", "kind": "ok"},
        "found": [{"doc": "a.md", "body": "It takes five days."}, "A bare passage."],
        "marks": [{"n": 1, "doc": "a.md", "said": "five days", "from": 9, "to": 18}],
    },
}


class Rival(BaseHTTPRequestHandler):
    """An engine of another make: gives what REPLIES says, and remembers what it was asked."""

    asked: list[tuple[str, str | None, dict]] = []
    busy = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Rival.asked.append((self.path, self.headers.get("authorization"), body))
        if self.path == "/busy" and Rival.busy:
            Rival.busy -= 1
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()
            return
        reply = (
            b"<html>"
            if self.path == "/html"
            else json.dumps(REPLIES.get(self.path, REPLIES["/chat"])).encode()
        )
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def rival() -> Iterator[str]:
    with answering(Rival) as url:
        yield url


def mapping(tmp_path, rival, path, rest):
    file = tmp_path / "rival.toml"
    file.write_text(f'name = "rival"\nurl = "{rival}{path}"\n{rest}', encoding="utf-8")
    return file


CHAT = """
headers = { Authorization = "Bearer ${RIVAL_KEY}" }
[request]
model = "m"
messages = "{messages}"
prefixed = "Q: {question}"
[reply]
text = "choices.0.message.content"
"""


def test_an_openai_compatible_engine_is_asked_with_its_history(tmp_path, rival):
    file = str(mapping(tmp_path, rival, "/chat", CHAT))
    with open_target(file, collection="default", key="", environ={"RIVAL_KEY": "s3"}) as target:
        answer = read_reply(target.ask(CASE))
    path, key, body = Rival.asked[-1]
    assert (path, key) == ("/chat", "Bearer s3")
    assert body["messages"] == [
        {"role": "user", "content": "Hi."},
        {"role": "user", "content": "How long?"},
    ]
    assert body["prefixed"] == "Q: How long?"
    assert [one.text for one in answer.sentences] == ["Five days.", "It is free."]
    assert answer.outcome == "answered"


def test_any_json_is_brought_into_one_form(tmp_path, rival):
    rest = """
[request]
q = "{question}"
[reply]
text = "out.say"
outcome = "out.kind"
outcomes = { ok = "answered" }
passages = "found"
citations = "marks"
[passage]
uri = "doc"
text = "body"
[citation]
number = "n"
uri = "doc"
quote = "said"
start = "from"
end = "to"
"""
    with MappedTarget(mapping(tmp_path, rival, "/json", rest), {}) as target:
        answer = read_reply(target.ask(CASE))
    assert [p.text for p in answer.passages] == ["It takes five days.", "A bare passage."]
    assert (answer.citations[0].quote, answer.citations[0].start) == ("five days", 9)
    assert answer.outcome == "answered"


@pytest.mark.parametrize(("path", "why"), [("/broken", "HTTP 500"), ("/html", "not JSON")])
def test_a_failure_says_what_came(tmp_path, rival, path, why):
    file = mapping(tmp_path, rival, path, CHAT)
    with MappedTarget(file, {"RIVAL_KEY": "x"}) as target, pytest.raises(NoAnswer, match=why):
        target.ask(CASE)


def test_a_busy_engine_is_asked_again(tmp_path, rival):
    Rival.busy = 1
    with MappedTarget(mapping(tmp_path, rival, "/busy", CHAT), {"RIVAL_KEY": "x"}) as target:
        assert target.ask(CASE)["text"].startswith("Five days")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('url = "http://x"\n', "needs url, and in"),
        ('urll = "http://x"\n', "'urll' is not known"),
        ("url = ", "rival.toml"),
        ('url = "http://x"\nheaders = { K = "${NONE}" }\n[reply]\ntext = "t"\n', "NONE"),
    ],
)
def test_a_mapping_that_cannot_work_says_why(tmp_path, text, why):
    file = tmp_path / "rival.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadTarget, match=why):
        MappedTarget(file, {})


TALK = (
    {"role": "user", "text": "Hello."},
    {"speaker": "agent", "content": "Hello to you."},
    {"speaker": "user", "text": ""},
)


def test_a_ragdesk_is_asked_with_the_turns_before(rival):
    with RagdeskTarget(rival, "faq") as target:
        target.ask(replace(CASE, history=TALK))
    path, _, body = Rival.asked[-1]
    assert (path, body["collection"], body["question"]) == ("/v1/answers", "faq", "How long?")
    assert body["history"] == [
        {"role": "user", "text": "Hello."},
        {"role": "assistant", "text": "Hello to you."},
    ]


def test_a_ragdesk_is_asked_over_http_and_its_citations_looked_up(tmp_path):
    publish(tmp_path, "default", TEXTS)
    case = Case(
        id="1",
        lang="en",
        question="When does a refund reach a bank account?",
        evidence=(Evidence(uri="refunds.md", quote="within 5 working\ndays"),),
    )
    with (
        served(tmp_path) as (port, _),
        RagdeskTarget(f"http://127.0.0.1:{port}", "default") as target,
    ):
        held = run_cases([case], target, tmp_path / "run")
        assert target.text("refunds.md") == REFUNDS
        assert target.text("emoji 🙂/shipping?.md")
        assert target.text("none.md") is None
        none = RagdeskTarget(f"http://127.0.0.1:{port}", "none")
        with none, pytest.raises(BadTarget, match="no collection"):
            _ = none.facts
        talk = replace(case, history=TALK)
        followed = run_cases([talk], target, tmp_path / "talk")["1"]
    assert (followed.status, followed.reason) == ("ok", "")
    assert held["1"].status == "ok", held["1"].reason
    found = report.measure_run(tmp_path / "run")
    assert found.overall["recall@8"].value == 1.0
    if held["1"].resolved:
        assert set(held["1"].resolved.values()) == {True}
