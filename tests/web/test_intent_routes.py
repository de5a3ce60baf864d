"""What agents and editors say a question is about, over HTTP."""

import asyncio
import json
from functools import partial

import pytest
from sqlalchemy import update
from web_home import serving

from ragdesk.support.access import make_principal
from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.conversations.conversation_tables import CONVERSATIONS
from ragdesk.support.insight.intents import INTENTS, OUT_OF_SCOPE
from ragdesk.support.sign_in.audit_log import list_audit
from ragdesk.web.conversation_events import _read_fresh, _read_labels, _write_events

QUESTION = "When is my money back?"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def staff(keys):
    made = {
        "asker": keys.create("asker"),
        "agent": keys.create("agent", scopes=["ask", "agent"]),
        "editor": keys.create("editor", scopes=["ask", "agent", "edit"]),
        "elsewhere": keys.create("e", scopes=["ask", "agent"], collections=["other"]),
    }
    return {name: bearer(token) for name, (_, token) in made.items()}


@pytest.fixture
def keep_turn(keys):
    """Keep a question of a visitor, handed over unless said otherwise; gives its turn."""
    store = ConversationStore(keys.database)

    def keep(person="visitor:a:1", *, state="waiting", author="customer"):
        talk = store.create(person, "default")
        asked = author == "customer"
        turn = ConversationTurn(
            id=make_row_id(),
            conversation=talk.id,
            collection="default",
            author=author,
            question=QUESTION if asked else None,
            answer={"text": "Soon.", "citations": [], "sources": []},
            intent="invoice" if asked else None,
            in_scope=1.0,
        )
        store.append_turn(turn)
        store.set_state(talk.id, state)
        return turn

    return keep


def shown_intents(client, turn, headers):
    url = f"/v1/conversations/{turn.conversation}/turns"
    return [one["intent"] for one in client.get(url, headers=headers).json()["turns"]]


def test_an_agent_corrects_what_was_recognised_and_takes_it_back(home, keys, staff, keep_turn):
    turn = keep_turn()
    url = f"/v1/turns/{turn.id}/intent"
    with serving(home, keys) as client:
        listed = client.get("/v1/intents", headers=staff["agent"]).json()["intents"]
        assert [one["name"] for one in listed] == [*INTENTS, OUT_OF_SCOPE]
        plain = {"recognised": "invoice", "label": None}
        assert shown_intents(client, turn, staff["agent"]) == [plain]
        body = {"intent": "refund_status"}
        for name, intent in (("agent", body), ("editor", {"intent": OUT_OF_SCOPE})):
            said = client.post(url, json=intent, headers=staff[name])
            assert (said.status_code, said.json()["label"]) == (200, intent["intent"])
            assert shown_intents(client, turn, staff["agent"]) == [said.json()]
        assert client.delete(url, headers=staff["agent"]).status_code == 204
        assert client.delete(url, headers=staff["agent"]).status_code == 204
        assert shown_intents(client, turn, staff["agent"]) == [plain]
    entries = [(entry.action, entry.target) for entry in list_audit(keys.database)][:4]
    assert entries == [("intent.remove", turn.id)] * 2 + [("intent.set", turn.id)] * 2


def test_only_who_may_open_a_conversation_as_an_agent_says_it(home, keys, staff, keep_turn):
    turn, answering = keep_turn(), keep_turn(state="answering")
    body = {"intent": "refund_status"}
    with serving(home, keys) as client:
        for name, asked, status in (
            ("asker", turn, 403),
            ("elsewhere", turn, 404),
            ("editor", answering, 404),
            ("agent", keep_turn(author="agent"), 404),
        ):
            url = f"/v1/turns/{asked.id}/intent"
            assert client.post(url, json=body, headers=staff[name]).status_code == status, name
            assert client.delete(url, headers=staff[name]).status_code == status, name
        missing = client.post("/v1/turns/none/intent", json=body, headers=staff["agent"])
        foreign = client.post(f"/v1/turns/{turn.id}/intent", json=body, headers=staff["elsewhere"])
        assert missing.json()["detail"] == foreign.json()["detail"]
        assert client.get("/v1/intents", headers=staff["asker"]).status_code == 403


def test_a_customer_is_not_told_of_it(home, keys, staff, keep_turn):
    asker = next(key for key in keys.list_keys() if key.name == "asker")
    turn = keep_turn(f"key:{asker.id}")
    body = {"intent": "refund_status"}
    with serving(home, keys) as client:
        said = client.post(f"/v1/turns/{turn.id}/intent", json=body, headers=staff["agent"])
        assert said.status_code == 200
        assert shown_intents(client, turn, staff["asker"]) == [None]


@pytest.mark.parametrize("intent", ["no such", "", None, 3, "INVOICE"])
def test_an_intent_is_one_of_those_that_there_are(home, keys, staff, keep_turn, intent):
    turn = keep_turn()
    with serving(home, keys) as client:
        url = f"/v1/turns/{turn.id}/intent"
        refused = client.post(url, json={"intent": intent}, headers=staff["agent"])
        assert refused.status_code == 422
        assert shown_intents(client, turn, staff["agent"])[0]["label"] is None


def test_a_request_that_comes_twice_is_done_once(home, keys, staff, keep_turn):
    turn = keep_turn()
    url = f"/v1/turns/{turn.id}/intent"
    first, other = {"intent": "refund_status"}, {"intent": "invoice"}
    headers = {**staff["agent"], "Idempotency-Key": "once"}
    with serving(home, keys) as client:
        said = client.post(url, json=first, headers=headers)
        client.post(url, json=other, headers=staff["agent"])
        again = client.post(url, json=first, headers=headers)
        assert again.json() == said.json()
        assert shown_intents(client, turn, staff["agent"])[0]["label"] == "invoice"
        assert client.post(url, json=other, headers=headers).status_code == 422
        keys.revoke(next(key.id for key in keys.list_keys() if key.name == "agent"))
        assert client.post(url, json=first, headers=headers).status_code == 401


def test_who_follows_as_an_agent_is_told_of_what_another_says_and_takes_back(
    home, keys, staff, keep_turn
):
    turn = keep_turn()
    with keys.database.write() as connection:  # long ago: no look for what changed wakes the page
        connection.execute(update(CONVERSATIONS).values(updated=0))
    people = {key.name: make_principal(key) for key in keys.list_keys()}
    url = f"/v1/turns/{turn.id}/intent"
    with serving(home, keys) as client:
        state = client.app.state.desk
        talk = state.conversations.get(turn.conversation)

        async def check():
            return people["agent"]

        async def follow():
            """Follow as an agent what an editor says; gives the labels told."""
            body = {"json": {"intent": "refund_status"}}
            acts = [partial(client.post, url, **body), partial(client.delete, url)]
            told = []
            with state.support.streams.follow(talk.id, "key:agent") as changed:
                events = _write_events(state, talk, 0, changed, check)
                async for event in events:
                    if b"event: labels" in event:
                        told.append(json.loads(event.decode().split("data: ")[1])["labels"])
                        if not acts:
                            break
                        await asyncio.to_thread(acts.pop(0), headers=staff["editor"])
                await events.aclose()
            return told

        told = client.portal.call(asyncio.wait_for, follow(), 4)  # it looks anew after five seconds
    assert told == [{}, {turn.id: "refund_status"}, {}]


def test_a_customer_who_follows_is_told_of_no_label(home, keys, staff, keep_turn):
    asker = next(key for key in keys.list_keys() if key.name == "asker")
    turn = keep_turn(f"key:{asker.id}")
    with serving(home, keys) as client:
        state = client.app.state.desk
        talk = state.conversations.get(turn.conversation)
        label = {"intent": "refund_status"}
        client.post(f"/v1/turns/{turn.id}/intent", json=label, headers=staff["agent"])
        for name, told in (("agent", {turn.id: "refund_status"}), ("asker", None)):
            who = make_principal(next(key for key in keys.list_keys() if key.name == name))
            assert client.portal.call(_read_labels, state, talk, who) == told


def test_a_page_that_follows_a_conversation_hears_of_it(home, keys, staff, keep_turn):
    turn = keep_turn()
    people = {key.name: make_principal(key) for key in keys.list_keys()}
    with serving(home, keys) as client:
        body = {"intent": "refund_status"}
        client.post(f"/v1/turns/{turn.id}/intent", json=body, headers=staff["agent"])
        state = client.app.state.desk
        talk = state.conversations.get(turn.conversation)
        for name, intent in (
            ("agent", {"recognised": "invoice", "label": "refund_status"}),
            ("asker", None),
        ):
            ((_, shown),) = client.portal.call(_read_fresh, state, talk, people[name], 0)
            assert shown["intent"] == intent
