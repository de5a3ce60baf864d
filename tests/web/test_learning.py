"""Gaps, drafts and their approval over HTTP."""

import time

import pytest
from web_home import serving

from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore

QUESTION = "Do you ship parcels to Malta?"
ANSWER = "Yes, we ship parcels to Malta within five working days."
NOT_FOUND = {"text": "The documents do not answer this.", "passages": [{"uri": "secrets.md"}]}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def editor(keys):
    return bearer(
        keys.create("editor", scopes=["ask", "agent", "edit", "write"], groups=["staff"])[1]
    )


@pytest.fixture
def ask_badly(keys):
    """Keep a question that went wrong, of a new person; gives its turn."""
    store = ConversationStore(keys.database)

    def keep(question=QUESTION, *, reason="no_passage", person="visitor:a:1", answer=NOT_FOUND):
        conversation = store.create(person, "default")
        turn = ConversationTurn(
            id=f"turn-{time.monotonic_ns()}",
            conversation=conversation.id,
            collection="default",
            question=question,
            answer=answer,
            outcome="not_found",
            reason=reason,
            language="en",
        )
        return store.append_turn(turn).id

    return keep


def wait_for_job(client, job, headers):
    for _ in range(2_000):
        state = client.get(f"/v1/jobs/{job}", headers=headers).json()
        if state["state"] in {"done", "failed"}:
            return state
        time.sleep(0.02)
    raise AssertionError(state)


def test_a_gap_becomes_an_entry_that_answers_and_a_case(home, keys, editor, ask_badly):
    for person in ("visitor:a:1", "visitor:a:2"):
        ask_badly(person=person)
    ask_badly("Where is my invoice?", person="visitor:a:3")
    with serving(home, keys) as client:
        gaps = client.get("/v1/gaps", headers=editor).json()["gaps"]
        assert (gaps[0]["question"], gaps[0]["persons"]) == (QUESTION, 2)

        made = client.post(f"/v1/gaps/{gaps[0]['id']}/draft", headers=editor)
        assert made.status_code == 201
        draft = made.json()
        assert draft["sources"]
        url = f"/v1/drafts/{draft['id']}"
        edited = {"question": QUESTION, "answer": ANSWER, "similar": ["Is Malta served?"]}
        assert client.patch(url, json=edited, headers=editor).json()["answer"] == ANSWER
        approved = client.post(f"{url}/approve", json={}, headers=editor).json()
        assert wait_for_job(client, approved["job"], editor)["state"] == "done"

        (published,) = client.get("/v1/drafts?state=published", headers=editor).json()["drafts"]
        answer = client.post("/v1/answers", json={"question": QUESTION}, headers=editor).json()
        assert answer["text"].startswith(ANSWER)
        assert answer["citations"][0]["uri"] == published["uri"]
        assert answer["citations"][0]["question"] == QUESTION
        listed = client.get("/v1/collections/default/documents", headers=editor).json()["documents"]
        assert {d["uri"]: d["source"] for d in listed}[published["uri"]] == "approved"
        assert client.patch(url, json=edited, headers=editor).status_code == 409
    case = (home / "collections" / "default" / "cases.jsonl").read_text(encoding="utf-8")
    assert QUESTION in case
    assert published["uri"] in case


def test_documents_that_an_editor_may_not_see_stay_hidden_in_a_gap(home, keys, ask_badly):
    ask_badly()
    others = bearer(keys.create("e", scopes=["ask", "agent", "edit"], groups=["others"])[1])
    everything = bearer(keys.create("admin", scopes=["admin"])[1])
    with serving(home, keys) as client:
        documents = {
            name: client.get("/v1/gaps", headers=headers).json()["gaps"][0]["documents"]
            for name, headers in (("others", others), ("admin", everything))
        }
    assert documents == {"others": [], "admin": ["secrets.md"]}


def test_personal_data_has_to_be_looked_at(home, keys, editor):
    with serving(home, keys) as client:
        client.app.state.desk.learning.find_personal = lambda text: (
            ["phone"] if "555" in text else []
        )
        body = {"question": QUESTION, "answer": f"{ANSWER} Call Ann at 212-555-0123."}
        draft = client.post("/v1/drafts", json=body, headers=editor).json()
        assert draft["personal"] == ["phone"]
        url = f"/v1/drafts/{draft['id']}/approve"
        assert client.post(url, json={}, headers=editor).status_code == 409
        assert client.post(url, json={"personal_checked": True}, headers=editor).status_code == 200


def test_a_correction_waits_for_an_editor(home, keys, editor, ask_badly):
    turn = ask_badly()
    agent = bearer(keys.create("agent", scopes=["ask", "agent"], groups=["staff"])[1])
    with serving(home, keys) as client:
        body = {"answer": turn, "text": ANSWER}
        assert client.post("/v1/corrections", json=body, headers=agent).status_code == 404
        draft = client.post("/v1/corrections", json=body, headers=editor).json()
        assert (draft["origin"], draft["question"]) == ("correction", QUESTION)
        approve = f"/v1/drafts/{draft['id']}/approve"
        assert client.post(approve, json={}, headers=agent).status_code == 403
        reject = f"/v1/drafts/{draft['id']}/reject"
        rejected = client.post(reject, json={"reason": "twice"}, headers=editor).json()
        assert (rejected["state"], rejected["reason"]) == ("rejected", "twice")


def test_past_tickets_become_drafts(home, keys, editor):
    table = f'question,answer\n{QUESTION},"{ANSWER}"\nWhat?,ok\n'
    headers = {**editor, "content-type": "text/csv"}
    with serving(home, keys) as client:
        read = client.post("/v1/tickets", content=table.encode(), headers=headers).json()
        assert (len(read["drafts"]), read["tickets"]) == (1, 2)
        (draft,) = client.get("/v1/drafts", headers=editor).json()["drafts"]
        assert (draft["origin"], draft["groups"]) == ("ticket", ["staff"])
        bad = client.post("/v1/tickets", content=b"colour\nred\n", headers=headers)
        assert (bad.status_code, bad.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("method", ["get /v1/gaps", "post /v1/tickets", "get /v1/drafts"])
def test_who_only_asks_sees_none_of_it(home, keys, method):
    asker = bearer(keys.create("page")[1])
    verb, path = method.split()
    with serving(home, keys) as client:
        assert client.request(verb, path, headers=asker).status_code == 403


def test_figures_count_and_name_only_documents_of_the_asker(home, keys, editor, ask_badly):
    ask_badly()
    others = bearer(keys.create("e", scopes=["ask", "agent"], groups=["others"])[1])
    with serving(home, keys) as client:
        shown = client.get(
            "/v1/insight", headers=bearer(keys.create("a", scopes=["admin"])[1])
        ).json()
        assert (shown["questions"], shown["outcomes"]) == (1, {"not_found": 1})
        assert [document["uri"] for document in shown["documents"]] == ["secrets.md"]
        assert client.get("/v1/insight", headers=others).json()["documents"] == []
