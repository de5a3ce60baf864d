"""Gaps, drafts and their approval over HTTP."""

import json
import time

import pytest
from sqlalchemy import update
from web_home import CANARY, serving

from ragdesk.support.conversations.conversation import ConversationTurn, Feedback
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.conversation_tables import TURNS
from ragdesk.support.conversations.feedback_store import FeedbackStore
from ragdesk.support.sign_in.audit_log import list_audit

QUESTION = "Do you ship parcels to Malta?"
ANSWER = "Yes, we ship parcels to Malta within five working days."
SECRET_SOURCE = {
    **dict.fromkeys(("chunk", "title", "path", "page", "rank", "score")),
    "uri": "secrets.md",
    "document": {"source": "api", "digest": "0", "groups": ["staff"]},
}
NOT_FOUND = {
    "text": "The documents do not answer this.",
    "citations": [],
    "sources": [SECRET_SOURCE],
}


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


def test_questions_about_documents_that_an_editor_may_not_see_stay_hidden(home, keys, ask_badly):
    secret = ask_badly()
    ask_badly("Where is my invoice?", answer={**NOT_FOUND, "sources": []})
    others = bearer(keys.create("e", scopes=["ask", "agent", "edit"], groups=["others"])[1])
    everything = bearer(keys.create("admin", scopes=["admin"])[1])
    with serving(home, keys) as client:
        gaps = {
            name: client.get("/v1/gaps", headers=headers).json()["gaps"]
            for name, headers in (("others", others), ("admin", everything))
        }
        hidden = next(gap for gap in gaps["admin"] if gap["question"] == QUESTION)
        assert client.post(f"/v1/gaps/{hidden['id']}/draft", headers=others).status_code == 404
        body = {"answer": secret, "text": ANSWER}
        assert client.post("/v1/corrections", json=body, headers=others).status_code == 404
    assert [gap["question"] for gap in gaps["others"]] == ["Where is my invoice?"]
    assert hidden["documents"] == ["secrets.md"]


def test_drafts_of_documents_that_a_reader_may_not_see_are_missing_to_them(home, keys, ask_badly):
    cited = {"title": "s", "quote": CANARY, "start": 0, "end": 1}
    turn = ask_badly(answer={**NOT_FOUND, "citations": [{**SECRET_SOURCE, **cited}], "sources": []})
    scopes = ["ask", "agent", "edit"]
    both = bearer(keys.create("b", scopes=scopes, groups=["staff", "others"])[1])
    others = bearer(keys.create("o", scopes=scopes, groups=["others"])[1])
    with serving(home, keys) as client:
        body = {"question": QUESTION, "answer": ANSWER, "turn": turn}
        draft = client.post("/v1/drafts", json=body, headers=both).json()
        assert draft["groups"] == ["staff"]
        assert draft["sources"][0]["quote"] == CANARY
        assert client.post("/v1/drafts", json=body, headers=others).status_code == 404
        assert client.get("/v1/drafts", headers=others).json() == {"drafts": [], "next": None}
        url = f"/v1/drafts/{draft['id']}"
        edit = {"question": QUESTION, "answer": ANSWER}
        assert client.patch(url, json=edit, headers=others).status_code == 404
        assert client.post(f"{url}/approve", json={}, headers=others).status_code == 404


def test_another_collection_is_missing_to_an_editor_of_one(home, keys, editor):
    scopes = ["ask", "agent", "edit"]
    other = bearer(keys.create("e", scopes=scopes, collections=["elsewhere"])[1])
    body = {"question": QUESTION, "answer": ANSWER}
    with serving(home, keys) as client:
        draft = client.post("/v1/drafts", json=body, headers=editor).json()
        assert client.get("/v1/drafts", headers=other).json() == {"drafts": [], "next": None}
        for method, path in (
            ("GET", "/v1/gaps"),
            ("GET", "/v1/drafts?collection=default"),
            ("GET", "/v1/insight"),
            ("POST", "/v1/tickets"),
            ("POST", f"/v1/drafts/{draft['id']}/reject"),
        ):
            json_body = {} if "reject" in path else None
            status = client.request(method, path, headers=other, json=json_body).status_code
            assert status == 404, path


def test_an_agent_changes_own_drafts_alone_and_approves_none(home, keys, editor):
    agent = bearer(keys.create("agent", scopes=["ask", "agent"], groups=["staff"])[1])
    body = {"question": QUESTION, "answer": ANSWER}
    with serving(home, keys) as client:
        own = client.post("/v1/drafts", json=body, headers=agent).json()["id"]
        foreign = client.post("/v1/drafts", json=body, headers=editor).json()["id"]
        edits = [client.patch(f"/v1/drafts/{d}", json=body, headers=agent) for d in (own, foreign)]
        assert [edit.status_code for edit in edits] == [200, 403]
        approve = client.post(f"/v1/drafts/{own}/approve", json={}, headers=agent)
        assert approve.status_code == 403


def test_erasing_a_person_takes_drafts_with_their_words_and_cases(home, keys, editor, ask_badly):
    ask_badly(person="visitor:a:1")
    admin = bearer(keys.create("admin", scopes=["admin"])[1])
    with serving(home, keys) as client:
        (gap,) = client.get("/v1/gaps", headers=editor).json()["gaps"]
        draft = client.post(f"/v1/gaps/{gap['id']}/draft", headers=editor).json()
        approve = f"/v1/drafts/{draft['id']}/approve"
        approved = client.post(approve, json={"personal_checked": True}, headers=editor).json()
        assert wait_for_job(client, approved["job"], editor)["state"] == "done"
        cases = home / "collections" / "default" / "cases.jsonl"
        assert QUESTION in cases.read_text(encoding="utf-8")
        exported = client.get("/v1/persons/visitor:a:1/data", headers=admin).json()
        assert [entry["question"] for entry in exported["drafts"]] == [QUESTION]
        erased = client.delete("/v1/persons/visitor:a:1/data", headers=admin).json()["erased"]
        assert (erased["drafts"], erased["cases"]) == (1, 1)
        assert client.get("/v1/drafts?state=published", headers=editor).json() == {
            "drafts": [],
            "next": None,
        }
        assert QUESTION not in cases.read_text(encoding="utf-8")


def test_an_effect_counts_what_was_asked_since_the_entry_was_published(
    home, keys, editor, ask_badly
):
    before = ask_badly()
    with serving(home, keys) as client:
        body = {"question": QUESTION, "answer": ANSWER}
        draft = client.post("/v1/drafts", json=body, headers=editor).json()
        approved = client.post(f"/v1/drafts/{draft['id']}/approve", json={}, headers=editor).json()
        assert wait_for_job(client, approved["job"], editor)["state"] == "done"
        facts = {"source": "approved", "digest": "0", "groups": ["staff"]}
        place = {"uri": f"faq/{draft['id']}.csv", "document": facts}
        cited = {"citations": [place], "sources": []}
        with keys.database.write() as connection:  # as if it had been answered from it before
            early = {"created": 1_000, "answer": json.dumps(cited)}
            connection.execute(update(TURNS).where(TURNS.c.id == before).values(early))
        answered = ask_badly(answer=cited, reason=None)
        ask_badly(answer={**NOT_FOUND, "sources": []})
        like = Feedback(id="", turn=answered, person="visitor:a:1", role="customer", verdict="up")
        FeedbackStore(keys.database).put(like)
        (published,) = client.get("/v1/drafts?state=published", headers=editor).json()["drafts"]
        board = {**SECRET_SOURCE, "uri": "board.md", "document": {"source": "api", "digest": "0"}}
        board["document"]["groups"] = ["board"]
        ask_badly(answer={**cited, "sources": [board]}, reason=None)
        ask_badly(answer={**NOT_FOUND, "sources": [board]})
        listed = "/v1/drafts?state=published"
        assert client.get(listed, headers=editor).json()["drafts"] == [published]
        everything = bearer(keys.create("a", scopes=["admin"])[1])
        (whole,) = client.get(listed, headers=everything).json()["drafts"]
    assert published["effect"] == {"questions": 2, "answered": 1, "liked": 1, "disliked": 0}
    assert whole["effect"] == {"questions": 4, "answered": 2, "liked": 1, "disliked": 0}


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
    actions = [entry.action for entry in list_audit(keys.database)]
    assert actions[:2] == ["draft.reject", "correction.create"]


def test_drafts_are_read_a_page_at_a_time(home, keys, editor):
    with serving(home, keys) as client:
        for number in range(5):
            body = {"question": f"Question {number}?", "answer": ANSWER}
            assert client.post("/v1/drafts", json=body, headers=editor).status_code == 201
        whole = client.get("/v1/drafts", headers=editor).json()["drafts"]
        read, cursor = [], {}
        while cursor is not None:
            page = client.get("/v1/drafts", params={"limit": 2, **cursor}, headers=editor).json()
            read += page["drafts"]
            cursor = page["next"] and {"cursor": page["next"]}
        first = client.get("/v1/drafts?limit=2", headers=editor).json()["next"]
        foreign = {"cursor": first, "state": "published"}
        assert client.get("/v1/drafts", params=foreign, headers=editor).status_code == 400
    assert read == whole
    assert len(read) == 5


def test_past_tickets_become_drafts(home, keys, editor):
    asked = f"{QUESTION} Call me: 212-555-0123"
    table = f'question,answer\n{asked},"{ANSWER}"\n{asked},"{ANSWER}"\nWhat?,ok\n'
    headers = {**editor, "content-type": "text/csv"}
    with serving(home, keys) as client:
        read = client.post("/v1/tickets", content=table.encode(), headers=headers).json()
        assert (len(read["drafts"]), read["tickets"]) == (1, 3)
        (draft,) = client.get("/v1/drafts", headers=editor).json()["drafts"]
        assert (draft["origin"], draft["groups"]) == ("ticket", ["staff"])
        assert (draft["question"], draft["personal"]) == (f"{QUESTION} Call me: [phone]", ["phone"])
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
        assert not shown["limited"]
        limited = client.get("/v1/insight", headers=others).json()
        inside = client.get("/v1/insight", headers=editor).json()
    assert limited["documents"] == []
    assert (inside["questions"], inside["limited"]) == (1, True)


def test_figures_tell_nothing_of_questions_about_hidden_documents(home, keys, ask_badly):
    """Whatever is asked about a hidden document changes no figure of who may not see it."""
    others = bearer(keys.create("e", scopes=["ask", "agent"], groups=["others"])[1])
    ask_badly("Where is my invoice?", answer={**NOT_FOUND, "sources": []})
    with serving(home, keys) as client:
        before = client.get("/v1/insight", headers=others).json()
        cited = {**NOT_FOUND, "citations": [SECRET_SOURCE], "sources": []}
        for answer in (NOT_FOUND, cited):
            turn = ask_badly(answer=answer, person="visitor:b:2")
            dislike = Feedback(id="", turn=turn, person="v", role="customer", verdict="down")
            FeedbackStore(keys.database).put(dislike)
        assert client.get("/v1/insight", headers=others).json() == before
        everything = bearer(keys.create("a", scopes=["admin"])[1])
        shown = client.get("/v1/insight", headers=everything).json()
    assert (before["questions"], before["dislikes"]) == (1, 0)
    assert (shown["questions"], shown["dislikes"]) == (3, 2)


def test_a_kept_question_says_what_it_is_about(home, keys, editor):
    with serving(home, keys) as client:
        conversation = client.post("/v1/conversations", json={}, headers=editor).json()["id"]
        body = {"question": "Where is my refund?", "conversation": conversation}
        client.post("/v1/answers", json=body, headers=editor)
        client.get(f"/v1/conversations/{conversation}/turns", headers=editor)  # waits until kept
        figures = client.get("/v1/insight", headers=editor).json()
    assert [intent["intent"] for intent in figures["intents"]] == ["refund_status"]
    assert sum(figures["days"][-1]["sentiments"].values()) == 1
    assert figures["out_of_scope"] == 0


def test_a_draft_is_missing_to_who_may_not_see_where_its_question_was_looked_for(
    home, keys, ask_badly
):
    """Its words are a customer's who could, though it quotes nothing that is hidden."""
    turn = ask_badly()
    admin, other = (
        bearer(keys.create(name, scopes=[name], groups=groups)[1])
        for name, groups in (("admin", []), ("agent", ["others"]))
    )
    insider = bearer(keys.create("insider", scopes=["agent"], groups=["staff"])[1])
    with serving(home, keys) as client:
        body = {"answer": turn, "text": ANSWER}
        made = client.post("/v1/corrections", json=body, headers=admin).json()
        assert (made["question"], made["groups"]) == (QUESTION, [])
        listed = {
            name: client.get("/v1/drafts", headers=headers).json()["drafts"]
            for name, headers in (("other", other), ("insider", insider))
        }
        edited = {"question": "Mine?", "answer": "Mine."}
        where = f"/v1/drafts/{made['id']}"
        assert client.patch(where, json=edited, headers=other).status_code == 404
    assert listed["other"] == []
    assert [draft["id"] for draft in listed["insider"]] == [made["id"]]
