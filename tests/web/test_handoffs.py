"""Hand-offs over HTTP: who may do what, and what an answer says that ends with a person."""

import json
import time
from typing import Any

import pytest
from outside_systems import sign_chatwoot_event
from starlette.testclient import TestClient
from web_home import SECRET, serving

from ragdesk.errors import DatabaseUnavailable
from ragdesk.support.handoff.handoff_desk import HandoffDesk
from ragdesk.support.handoff.handoff_options import ChatwootOptions, HandoffOptions
from ragdesk.support.handoff.outbox import HandoffLink
from ragdesk.support.sign_in.audit_log import list_audit

UNKNOWN = ("zeppelin", "giraffe", "submarine")
WANTS = "I want to talk to a human being, please."


class Person:
    """Somebody with a key: requests in their name."""

    def __init__(self, client: TestClient, keys: Any, name: str, **rights: Any) -> None:
        key, token = keys.create(name, **rights)
        self.client, self.key = client, key
        self.person = f"key:{key.id}"
        self.headers = {"Authorization": f"Bearer {token}"}

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, json=body, headers=self.headers)

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def act(self, handoff: str, action: str, **body: Any) -> Any:
        return self.post(f"/v1/handoffs/{handoff}/{action}", **body)

    def begin(self, collection: str = "default") -> str:
        begun = self.post("/v1/conversations", collection=collection)
        assert begun.status_code == 201, begun.text
        return str(begun.json()["id"])

    def ask(self, conversation: str, question: str) -> dict[str, Any]:
        answer = self.post("/v1/answers", conversation=conversation, question=question)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def hand_over(self, **more: Any) -> str:
        opened = self.post("/v1/handoffs", conversation=self.begin(), **more)
        assert opened.status_code == 201, opened.text
        return str(opened.json()["id"])


AGENT = {"scopes": ["ask", "agent"]}


@pytest.fixture
def ann(client, keys) -> Person:
    return Person(client, keys, "Ann")


@pytest.fixture
def agent(client, keys) -> Person:
    return Person(client, keys, "Anna of support", **AGENT)


@pytest.mark.parametrize("method", ["find_reason", "open"])
def test_a_database_that_fails_takes_no_answer_from_the_asker(ann, monkeypatch, method):
    def fail(*_: Any) -> None:
        raise DatabaseUnavailable("The database is away.")

    talk = ann.begin()
    monkeypatch.setattr(HandoffDesk, method, fail)
    answer = ann.ask(talk, WANTS)
    assert (answer["outcome"], answer["reason"]) == ("not_found", "wants_person")


def test_a_customer_is_handed_over_answered_and_rates_it(ann, agent, keys):
    talk = ann.begin()
    ann.ask(talk, "When does a refund reach a bank account?")
    answer = ann.ask(talk, WANTS)
    assert (answer["outcome"], answer["reason"]) == ("handed_over", "wants_person")
    assert "passed on to a person" in answer["next_step"]["text"]
    (waiting,) = agent.get("/v1/handoffs").json()["handoffs"]
    assert (waiting["state"], waiting["reason"]) == ("waiting", "customer_asked")
    name = waiting["id"]
    whole = agent.get(f"/v1/handoffs/{name}").json()
    asked = [turn["question"] for turn in whole["payload"]["turns"]]
    assert asked == ["When does a refund reach a bank account?", WANTS]
    assert "within 5 working days" in whole["payload"]["turns"][0]["answer"]

    assert agent.act(name, "take").json()["mine"] is True
    assert agent.act(name, "reply", text="I am Anna. How can I help?").status_code == 200
    turns = ann.get(f"/v1/conversations/{talk}/turns").json()["turns"]
    assert (turns[-1]["author"], turns[-1]["answer"]["text"]) == (
        "agent",
        "I am Anna. How can I help?",
    )
    passed = ann.ask(talk, "Do you refund gift cards?")
    assert passed["outcome"] == "handed_over"
    assert passed["citations"] == []
    assert "Passed on" in passed["text"]
    assert ann.act(name, "reply", text="It is urgent.").json()["state"] == "with_person"
    said = [t["question"] for t in agent.get(f"/v1/conversations/{talk}/turns").json()["turns"]]
    assert said[-2:] == ["Do you refund gift cards?", "It is urgent."]

    assert agent.act(name, "close", text="").json()["state"] == "closed"
    noted = [(entry.who, entry.action, entry.target) for entry in list_audit(keys.database)]
    steps = ("close", "reply", "take")
    assert noted[:3] == [(agent.key.id, f"handoff.{step}", name) for step in steps]
    assert ann.act(name, "rate", rating=5, comment="Thanks").json()["rating"] == 5
    assert agent.get(f"/v1/handoffs/{name}").json()["comment"] == "Thanks"
    assert ann.ask(talk, "When does a refund reach a bank account?")["outcome"] == "answered"
    assert ann.act(name, "reopen", text="").json()["state"] == "waiting"
    queue = agent.get("/v1/handoffs").json()
    assert queue["counts"] == {"waiting": 1}


def test_a_stream_ends_with_the_hand_over_and_its_words_are_those_that_were_sent(ann, agent):
    talk = ann.begin()

    def stream(question: str) -> tuple[dict[str, Any], str]:
        body = {"conversation": talk, "question": question, "stream": True}
        reply = ann.client.post("/v1/answers", json=body, headers=ann.headers)
        blocks = [block.split("\ndata: ") for block in reply.text.strip().split("\n\n")]
        names = [name.removeprefix("event: ") for name, _ in blocks]
        assert names[0] == "found"
        assert names[-1] == "done"
        deltas = [json.loads(data)["text"] for name, data in blocks if name == "event: delta"]
        return json.loads(blocks[-1][1]), "".join(deltas)

    done, words = stream(WANTS)
    assert (done["outcome"], done["text"]) == ("handed_over", words)
    name = agent.get("/v1/handoffs").json()["handoffs"][0]["id"]
    agent.act(name, "take")
    done, words = stream("Are you there?")
    assert (done["outcome"], done["text"]) == ("handed_over", words)


def test_two_refusals_in_a_row_hand_over_and_no_conversation_never_does(ann, agent):
    talk = ann.begin()
    first, second, third = (f"Which {thing} leaves the warehouse?" for thing in UNKNOWN)
    refused = ann.ask(talk, first)
    assert (refused["outcome"], refused["reason"]) == ("not_found", "near_miss")
    assert ann.ask(talk, second)["outcome"] == "handed_over"
    assert ann.ask(talk, third)["outcome"] == "not_found"  # it is handed over already
    (waiting,) = agent.get("/v1/handoffs").json()["handoffs"]
    assert waiting["reason"] == "refused_twice"
    alone = ann.post("/v1/answers", question=WANTS).json()
    assert (alone["outcome"], alone["reason"]) == ("not_found", "wants_person")
    assert len(agent.get("/v1/handoffs").json()["handoffs"]) == 1


def test_the_button_hands_over_and_adds_what_is_written_later(ann, agent):
    name = ann.hand_over(text="Call me.", contact={"name": "Ann", "phone": "+49 30 123"})
    shown = agent.get(f"/v1/handoffs/{name}").json()
    assert shown["contact"] == {"name": "Ann", "email": "", "phone": "+49 30 123"}
    talk = shown["conversation"]
    again = ann.post("/v1/handoffs", conversation=talk, contact={"email": "ann@example.org"})
    assert again.json()["id"] == name
    assert agent.get(f"/v1/handoffs/{name}").json()["contact"]["email"] == "ann@example.org"
    own = ann.get(f"/v1/handoffs?conversation={talk}").json()["handoffs"]
    assert [one["id"] for one in own] == [name]
    assert "contact" not in own[0]
    assert "payload" not in ann.get(f"/v1/handoffs/{name}").json()


def test_personal_data_in_free_words_is_not_kept_but_contact_fields_are(ann, agent):
    name = ann.hand_over(text="Write to ann@example.org", contact={"email": "ann@example.org"})
    shown = agent.get(f"/v1/handoffs/{name}").json()
    assert "ann@example.org" not in json.dumps({**shown, "contact": None})
    assert shown["contact"]["email"] == "ann@example.org"


def test_others_see_and_do_nothing_and_hear_what_a_missing_one_would_say(client, keys, ann, agent):
    name = ann.hand_over()
    bob = Person(client, keys, "Bob")
    elsewhere = Person(client, keys, "Elsewhere", collections=["other"], **AGENT)
    writer = Person(client, keys, "Writer", scopes=["write"])
    bodies = {
        "take": {},
        "reply": {"text": "x"},
        "transfer": {},
        "close": {},
        "reopen": {},
        "rate": {"rating": 1},
        "resend": {},
    }
    of_agents = ("take", "transfer", "resend")
    for stranger in (bob, elsewhere):
        missing = 403 if stranger is bob else 404
        for path in (f"/v1/handoffs/{name}", f"/v1/handoffs/{name}/draft"):
            assert stranger.get(path).json() == stranger.get(path.replace(name, "gone")).json()
            assert stranger.get(path).status_code == (missing if "draft" in path else 404)
        for action, body in bodies.items():
            refused = stranger.act(name, action, **body)
            assert refused.status_code == (missing if action in of_agents else 404)
            assert refused.json() == stranger.act("gone", action, **body).json()
        assert stranger.get("/v1/handoffs").json()["handoffs"] == []
    assert bob.get("/v1/handoffs?view=queue").status_code == 403
    assert writer.get("/v1/handoffs").status_code == 403
    assert writer.get(f"/v1/handoffs/{name}").status_code == 403
    for action in of_agents:
        assert ann.act(name, action, **bodies[action]).status_code == 403
    assert ann.get(f"/v1/handoffs/{name}/draft").status_code == 403
    assert ann.act(name, "reply", text="x", role="agent").status_code == 404
    assert agent.act(name, "rate", rating=1).status_code == 404
    assert client.get("/v1/handoffs").status_code == 401
    talk = agent.get(f"/v1/handoffs/{name}").json()["conversation"]
    assert bob.post("/v1/handoffs", conversation=talk).status_code == 404
    assert agent.post("/v1/handoffs", conversation=talk).status_code == 404  # not an agent's own
    keys.revoke(agent.key.id)
    assert agent.act(name, "take").status_code == 401


def test_an_agent_reads_no_word_of_documents_that_their_groups_may_not_see(client, keys, agent):
    staff = Person(client, keys, "Staff", groups=["staff"])
    insider = Person(client, keys, "Insider", groups=["staff"], **AGENT)
    talk = staff.begin()
    answer = staff.ask(talk, "What is the canary password of the cellar?")
    assert "xylophone" in answer["text"]
    name = staff.post("/v1/handoffs", conversation=talk).json()["id"]
    for path in (f"/v1/handoffs/{name}", f"/v1/conversations/{talk}/turns"):
        assert "xylophone" not in agent.get(path).text
        assert "xylophone" in insider.get(path).text
    assert "xylophone" not in agent.get(f"/v1/handoffs/{name}/draft").text
    assert "xylophone" in insider.get(f"/v1/handoffs/{name}/draft").text


def test_a_draft_for_a_customer_holds_only_what_the_customer_may_see(client, keys, ann):
    insider = Person(client, keys, "Insider", groups=["staff"], **AGENT)
    talk = ann.begin()
    ann.ask(talk, "What is the canary password of the cellar?")
    name = ann.post("/v1/handoffs", conversation=talk).json()["id"]
    assert "xylophone" not in insider.get(f"/v1/handoffs/{name}/draft").text


def test_a_reply_cites_from_the_draft_and_from_nothing_else(ann, agent):
    talk = ann.begin()
    ann.ask(talk, "When does a refund reach a bank account?")
    name = ann.post("/v1/handoffs", conversation=talk).json()["id"]
    agent.act(name, "take")
    draft = agent.get(f"/v1/handoffs/{name}/draft").json()
    assert draft["question"] == "When does a refund reach a bank account?"
    (citation,) = draft["answer"]["citations"]
    wrong = agent.act(name, "reply", text="x [1]", draft="another")
    assert wrong.status_code == 422
    assert agent.act(name, "reply", text="x", citations=[{"quote": "forged"}]).status_code == 422
    text = "Within 5 working days. [1] And [9]."
    assert agent.act(name, "reply", text=text, draft=draft["id"]).status_code == 200
    turn = ann.get(f"/v1/conversations/{talk}/turns").json()["turns"][-1]
    (shown,) = turn["answer"]["citations"]
    assert (shown["number"], shown["quote"]) == (1, citation["quote"])


def test_of_two_agents_one_has_it_and_may_put_it_back(client, keys, ann, agent):
    ben = Person(client, keys, "Ben", **AGENT)
    name = ann.hand_over()
    assert agent.act(name, "take").status_code == 200
    late = ben.act(name, "take")
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    assert "with_person" in late.json()["detail"]
    refused = ben.act(name, "reply", text="x")
    assert refused.status_code == 409
    assert "Anna of support has it" in refused.json()["detail"]
    assert (
        agent.act(name, "transfer", to="Ben", text="Yours. Ann is at 212-555-0123").json()[
            "agent_name"
        ]
        == "Ben"
    )
    assert ben.act(name, "take").status_code == 200
    events = ben.get(f"/v1/handoffs/{name}").json()["events"]
    assert [event["action"] for event in events] == ["open", "take", "transfer", "take"]
    assert events[2]["text"] == "Yours. Ann is at [phone]"


@pytest.mark.parametrize("body", [{"rating": 0}, {"rating": 6}, {"rating": 1.5}, {}])
def test_a_rating_is_1_to_5(ann, body):
    name = ann.hand_over()
    assert ann.act(name, "rate", **body).status_code == 422
    assert ann.act(name, "rate", rating=3).status_code == 409  # it is not closed


def test_the_same_request_again_does_nothing_twice(client, keys, ann, agent):
    name = ann.hand_over()
    agent.act(name, "take")
    headers = {**agent.headers, "Idempotency-Key": "once"}
    for _ in range(2):
        path = f"/v1/handoffs/{name}/reply"
        assert client.post(path, json={"text": "Hi"}, headers=headers).status_code == 200
    shown = agent.get(f"/v1/handoffs/{name}").json()
    body = {"conversation": shown["conversation"], "question": "Is it on its way?"}
    for _ in range(2):
        passed = client.post(
            "/v1/answers", json=body, headers={**ann.headers, "Idempotency-Key": "again"}
        )
        assert passed.json()["outcome"] == "handed_over"
    for _ in range(2):
        streamed = client.post(
            "/v1/answers",
            json={**body, "stream": True},
            headers={**ann.headers, "Idempotency-Key": "streamed"},
        )
        assert '"handed_over"' in streamed.text
    actions = [event["action"] for event in agent.get(f"/v1/handoffs/{name}").json()["events"]]
    assert (actions.count("reply"), actions.count("write")) == (1, 2)


def test_outside_of_hours_it_is_said_when_somebody_is_there(home, keys):
    hours = ("mon 00:00-00:01",)
    options = HandoffOptions(hours=hours, away="We are asleep.", away_zh="我们休息了。")
    with serving(home, keys, tables={"handoff": options}) as client:
        ann = Person(client, keys, "Ann")
        answer = ann.ask(ann.begin(), WANTS)
        assert answer["next_step"]["text"] == "We are asleep."
        listed = ann.get("/v1/handoffs").json()
        assert listed["staffed"] is False
        assert listed["handoffs"][0]["message"] == "We are asleep."


def test_where_it_is_turned_off_nothing_is_handed_over(home, keys):
    with serving(home, keys, tables={"handoff": HandoffOptions(enabled=False)}) as client:
        ann = Person(client, keys, "Ann")
        talk = ann.begin()
        assert ann.ask(talk, WANTS)["outcome"] == "not_found"
        assert ann.post("/v1/handoffs", conversation=talk).status_code == 403
        assert ann.get("/v1/handoffs").json()["enabled"] is False


def test_a_reply_that_is_written_in_chatwoot_reaches_the_conversation_once(home, keys, monkeypatch):
    options = ChatwootOptions(
        url="http://127.0.0.1:9", account=1, inbox=2, token="t" * 9, webhook_secret="h" * 9
    )
    with serving(home, keys, tables={"handoff_chatwoot": options}) as client:
        ann, agent = Person(client, keys, "Ann"), Person(client, keys, "Anna", **AGENT)
        talk = ann.begin()
        name = ann.post("/v1/handoffs", conversation=talk).json()["id"]
        handoffs = client.app.state.desk.support.handoffs  # type: ignore[attr-defined]
        handoffs.outbox.store_link(name, "chatwoot", HandoffLink(reference="40"))
        event = {
            "event": "message_created",
            "id": 7,
            "content": "It is on its way.",
            "message_type": "outgoing",
            "private": False,
            "conversation": {"id": 40},
            "sender": {"id": 3, "name": "Ben", "type": "user"},
        }
        closing = {"event": "conversation_status_changed", "id": 40, "status": "resolved"}

        def send(data: dict[str, Any], secret: str = "h" * 9) -> int:
            body, headers = sign_chatwoot_event(data, secret, int(time.time()))
            kind = {**headers, "Content-Type": "application/json"}
            return int(client.post("/v1/hooks/chatwoot", content=body, headers=kind).status_code)

        assert [send(event), send(event), send(event, "forged")] == [200, 200, 401]
        with monkeypatch.context() as patch:  # as where two deliveries of it arrive at once
            patch.setattr(HandoffDesk, "has_message", lambda *_: False)
            assert send(event) == 503
        assert send({**event, "id": 8, "conversation": {"id": 41}}) == 200
        turns = ann.get(f"/v1/conversations/{talk}/turns").json()["turns"]
        assert [turn["answer"]["text"] for turn in turns] == ["It is on its way."]
        assert agent.get(f"/v1/handoffs/{name}").json()["agent_name"] == "Ben"
        assert [send(closing), send(closing)] == [200, 200]
        assert agent.get(f"/v1/handoffs/{name}").json()["state"] == "closed"


def test_nothing_is_heard_from_chatwoot_where_no_secret_is_set(client):
    assert client.post("/v1/hooks/chatwoot", json={}).status_code == 404


def test_a_reply_that_quotes_what_an_agent_may_not_see_is_hidden_from_them(client, keys):
    customer = Person(client, keys, "Ann", groups=["staff"])
    insider = Person(client, keys, "Insider", groups=["staff"], **AGENT)
    outsider = Person(client, keys, "Outsider", **AGENT)
    talk = customer.begin()
    customer.ask(talk, "What is the canary password of the cellar?")
    name = customer.post("/v1/handoffs", conversation=talk).json()["id"]
    insider.act(name, "take")
    draft = insider.get(f"/v1/handoffs/{name}/draft").json()
    assert draft["answer"]["citations"]
    insider.act(name, "reply", text="It is xylophone. [1]", draft=draft["id"])
    insider.act(name, "close")
    again = customer.post("/v1/handoffs", conversation=talk).json()["id"]
    for own in (name, again):
        assert "xylophone" in json.dumps(insider.get(f"/v1/handoffs/{own}").json())
        assert "xylophone" not in json.dumps(outsider.get(f"/v1/handoffs/{own}").json())
    assert "xylophone" not in json.dumps(outsider.get(f"/v1/conversations/{talk}/turns").json())


def test_a_public_document_opens_no_hidden_one_of_its_name(client, keys):
    """A hand-off's payload names no source: whose quote it is, of two of one uri, nobody knows."""
    staff = Person(client, keys, "Staff", groups=["staff"])
    outsider = Person(client, keys, "Outsider", scopes=["ask", "agent", "write"], groups=["guests"])
    talk = staff.begin()
    staff.ask(talk, "What is the canary password of the cellar?")
    name = staff.post("/v1/handoffs", conversation=talk).json()["id"]
    place = f"/v1/collections/default/documents/{SECRET}"
    put = client.put(place, content=b"Nothing here.\n", headers=outsider.headers)
    while outsider.get(f"/v1/jobs/{put.json()['id']}").json()["state"] not in {"done", "failed"}:
        time.sleep(0.02)
    assert "Nothing here" in outsider.get(f"{place}/text").text
    shown = outsider.get(f"/v1/handoffs/{name}")
    assert (shown.status_code, "xylophone" in shown.text) == (200, False)


def test_the_queue_is_read_a_page_at_a_time_in_its_order(client, keys, ann, agent):
    names = [ann.hand_over() for _ in range(5)]
    for state in ("open", "all"):
        whole = [one["id"] for one in agent.get(f"/v1/handoffs?state={state}").json()["handoffs"]]
        read, cursor = [], ""
        while cursor is not None:
            page = agent.get(f"/v1/handoffs?state={state}&limit=2{cursor}").json()
            assert len(page["handoffs"]) <= 2
            read += [one["id"] for one in page["handoffs"]]
            cursor = page["next"] and f"&cursor={page['next']}"
        assert (read, sorted(read)) == (whole, sorted(names))
    cursor = agent.get("/v1/handoffs?limit=2").json()["next"]
    for other in ("state=all&", "view=own&"):
        refused = agent.get(f"/v1/handoffs?{other}limit=2&cursor={cursor}")
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert ann.get(f"/v1/handoffs?limit=2&cursor={cursor}").status_code == 400


def test_names_are_one_line(client, keys, ann):
    talk = ann.begin()
    for name in ("Ann\r\nBcc: eve", "Ann\u0085x"):
        forged = ann.post("/v1/handoffs", conversation=talk, contact={"name": name})
        assert forged.status_code == 422
    _, token = keys.create("admin", scopes=["admin"])
    headers = {"Authorization": f"Bearer {token}"}
    made = client.post("/v1/keys", json={"name": "x\ny", "role": "agent"}, headers=headers)
    assert made.status_code == 422


def test_a_webhook_of_a_moment_that_no_clock_shows_is_refused(home, keys):
    secret = "s" * 12
    options = ChatwootOptions(
        url="http://127.0.0.1:9", account=1, inbox=2, token=secret, webhook_secret=secret
    )
    with serving(home, keys, tables={"handoff_chatwoot": options}) as client:
        for moment in ("9" * 400, "9" * 5_000, "-1", "", "1e9"):
            headers = {"X-Chatwoot-Timestamp": moment, "Content-Type": "application/json"}
            heard = client.post("/v1/hooks/chatwoot", content=b"{}", headers=headers)
            assert heard.status_code == 401


def test_what_another_agent_has_is_ended_knowingly_and_noted(client, keys, ann, agent):
    other = Person(client, keys, "Ben", **AGENT)
    lead = Person(client, keys, "Lea", scopes=["ask", "agent", "edit"])
    name = ann.hand_over()
    agent.act(name, "take")
    for step, body in (("close", {}), ("transfer", {}), ("close", {"confirm": "another"})):
        refused = other.act(name, step, **body)
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
        assert "Anna of support has it" in refused.json()["detail"]
    assert other.act(name, "close", confirm=name).json()["state"] == "closed"
    assert other.act(name, "reopen").json()["state"] == "waiting"
    agent.act(name, "take")
    assert lead.act(name, "close").json()["state"] == "closed"
    lead.act(name, "reopen")
    agent.act(name, "take")
    assert ann.act(name, "close").json()["state"] == "closed"  # her own
    assert agent.act(name, "resend").status_code == 200
    noted = [(entry.who, entry.action) for entry in list_audit(keys.database)]
    assert noted[0] == (agent.key.id, "handoff.resend")
    assert (other.key.id, "handoff.reopen") in noted
    assert (other.key.id, "handoff.close") in noted
    assert (lead.key.id, "handoff.close") in noted
