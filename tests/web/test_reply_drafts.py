"""FAQ entries out of what agents replied: their sources, their personal data, who may make them."""

import time
from typing import Any

import pytest
from web_home import publish

ASKED = "When does a refund reach a bank account?"
REPLY = "A refund reaches a bank account within 5 working days. [1] Else call Ann at 212-555-0123."
QUOTE = "A refund reaches a bank account within 5 working days."


class Asker:
    """Somebody with a key: requests in their name."""

    def __init__(self, client: Any, keys: Any, name: str, **rights: Any) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {keys.create(name, **rights)[1]}"}

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, json=body, headers=self.headers)

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)


@pytest.fixture
def ann(client, keys):
    return Asker(client, keys, "Ann")


@pytest.fixture
def agent(client, keys):
    return Asker(client, keys, "Anna", scopes=["ask", "agent"])


@pytest.fixture
def editor(client, keys):
    return Asker(client, keys, "Eve", scopes=["ask", "agent", "edit", "write"])


def reply_to(ann: Asker, agent: Asker, asked: str = ASKED) -> list[dict[str, Any]]:
    """Have a question answered by an agent, out of the desk's draft; gives the turns."""
    talk = ann.post("/v1/conversations").json()["id"]
    if asked:
        ann.post("/v1/answers", conversation=talk, question=asked)
    handoff = ann.post("/v1/handoffs", conversation=talk, text="Please tell me.").json()["id"]
    agent.post(f"/v1/handoffs/{handoff}/take")
    more = {"draft": agent.get(f"/v1/handoffs/{handoff}/draft").json()["id"]} if asked else {}
    replied = agent.post(f"/v1/handoffs/{handoff}/reply", text=REPLY, role="agent", **more)
    assert replied.status_code == 200, replied.text
    turns: list[dict[str, Any]] = agent.get(f"/v1/conversations/{talk}/turns").json()["turns"]
    return turns


def test_a_reply_becomes_an_entry_with_its_sources_and_the_personal_data_in_it(ann, agent, editor):
    question, reply = reply_to(ann, agent)
    made = agent.post("/v1/drafts", turn=reply["id"], question=ASKED, answer=REPLY)
    assert made.status_code == 201, made.text
    (draft,) = editor.get("/v1/drafts").json()["drafts"]
    assert draft["id"] == made.json()["id"]
    assert (draft["origin"], draft["state"], draft["language"]) == ("reply", "open", "en")
    quoted = [(one["uri"], one["quote"]) for one in draft["sources"] if one["quote"]]
    assert quoted == [("refunds.md", QUOTE)]
    assert [one["turn"] for one in draft["sources"] if one["turn"]] == [question["id"]]
    assert draft["personal"] == ["phone"]

    approve = f"/v1/drafts/{draft['id']}/approve"
    assert agent.post(approve, personal_checked=True).status_code == 403
    assert editor.post(approve).status_code == 409  # the phone number was not looked at
    published = editor.post(approve, personal_checked=True)
    assert published.status_code == 200, published.text
    wait_for_job(editor, published.json()["job"])
    answer = ann.post("/v1/answers", question=ASKED).json()
    assert answer["citations"][0]["question"] == ASKED
    assert "Else call Ann" in answer["text"]


def test_an_entry_names_the_question_of_its_reply_not_a_later_one(ann, agent):
    turns = reply_to(ann, agent)
    talk = agent.get("/v1/handoffs").json()["handoffs"][0]["conversation"]
    ann.post("/v1/answers", conversation=talk, question="Thank you! And gift cards?")
    body = {"turn": turns[-1]["id"], "question": ASKED, "answer": "Five days."}
    draft = agent.post("/v1/drafts", **body).json()
    assert [one["turn"] for one in draft["sources"] if one["turn"]] == [turns[0]["id"]]


def test_a_reply_without_a_question_before_it_stands_for_itself(ann, agent):
    (reply,) = reply_to(ann, agent, asked="")
    body = {"turn": reply["id"], "question": ASKED, "answer": "Five days."}
    draft = agent.post("/v1/drafts", **body).json()
    assert draft["sources"] == [{"uri": "", "title": "", "quote": "", "turn": reply["id"]}]


def test_a_reply_stands_for_itself_where_its_question_was_answered_out_of_others_documents(
    client, keys, home
):
    publish(
        home,
        "default",
        {"pay.md": "Wages reach a bank account within 3 working days."},
        pay=frozenset({"hr"}),
    )
    client.app.state.desk.open_collections.refresh_all()
    pat = Asker(client, keys, "Pat", groups=["hr"])
    sales = Asker(client, keys, "Sam", scopes=["ask", "agent"], groups=["sales"])
    talk = pat.post("/v1/conversations").json()["id"]
    asked = pat.post(
        "/v1/answers", conversation=talk, question="When do wages reach a bank account?"
    ).json()
    assert asked["citations"][0]["uri"] == "pay.md"
    handoff = pat.post("/v1/handoffs", conversation=talk, text="Tell me.").json()["id"]
    sales.post(f"/v1/handoffs/{handoff}/take")
    sales.post(f"/v1/handoffs/{handoff}/reply", text="On the 25th.", role="agent")
    turns = sales.get(f"/v1/conversations/{talk}/turns").json()["turns"]
    entry = {"question": "When do wages reach a bank account?", "answer": "Soon."}
    question, reply = turns[0]["id"], turns[-1]["id"]
    assert sales.post("/v1/drafts", turn=question, **entry).status_code == 404
    draft = sales.post("/v1/drafts", turn=reply, **entry).json()
    assert {source["turn"] for source in draft["sources"]} == {reply}


def test_nobody_makes_an_entry_of_a_reply_that_they_may_not_read(client, keys, ann, agent):
    _, reply = reply_to(ann, agent)
    scopes = ["ask", "agent"]
    elsewhere = Asker(client, keys, "E", scopes=scopes, collections=["other"])
    body = {"turn": reply["id"], "question": ASKED, "answer": REPLY}
    assert elsewhere.post("/v1/drafts", **body, collection="other").status_code == 404
    assert ann.post("/v1/drafts", **body).status_code == 403
    corrected = agent.post("/v1/corrections", answer=reply["id"], text="Six days.")
    assert corrected.status_code == 404  # a reply is no answer of the desk


def wait_for_job(asker: Asker, job: str) -> None:
    for _ in range(2_000):
        state = asker.get(f"/v1/jobs/{job}").json()
        if state["state"] in {"done", "failed"}:
            break
        time.sleep(0.02)
    assert state["state"] == "done", state
