"""Every POST and PUT of ``/v1`` does what it does once an ``Idempotency-Key``, as the API promises.

The routes are those that the app has: a further one declares the header and is tried here, or says
why it cannot.
"""

import time
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.testclient import TestClient
from web_home import publish, serving

from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.sign_in.audit_log import list_audit
from ragdesk.web.api import ROUTERS
from ragdesk.web.idempotency import read_idempotency_key
from ragdesk.web.shared_responses import OTHER_BODY_MESSAGE

HERE = "/v1/collections/default"
ASK = {"question": "When does a refund reach my bank account?"}
ENTRY = {"question": "Do you ship parcels to Malta?", "answer": "Yes, within five working days."}
WITHOUT_KEY = {
    ("POST", "/v1/collections/{collection}/verify"): "a stream that reads, and changes nothing",
    ("POST", "/v1/session"): "nobody is known yet; its reply is a cookie, for one browser alone",
    ("POST", "/v1/visitors"): "all visitors of a website ask by its public key: one who guesses "
    "the header of another would be given their secret",
    ("POST", "/v1/channels/{channel}"): "the chat system's own protocol, which numbers messages",
    ("POST", "/v1/hooks/chatwoot"): "Chatwoot's own protocol, which numbers messages",
}


def list_routes() -> list[tuple[str, APIRoute]]:
    return [
        (method, route)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.path.startswith("/v1/")
        for method in sorted(route.methods & {"POST", "PUT"})
    ]


def declares_key(route: APIRoute) -> bool:
    return any(one.dependency is read_idempotency_key for one in route.dependencies)


def test_every_route_that_changes_something_takes_the_key_or_says_why_not():
    without = {(method, route.path) for method, route in list_routes() if not declares_key(route)}
    assert without == WITHOUT_KEY.keys()


@dataclass
class Walk:
    """Sends each request three times by one key: first, again, and with another body."""

    client: TestClient
    tried: set[tuple[str, str]]

    def send(
        self, route: str, body: Any, change: dict[str, Any] | None = None, **names: str
    ) -> Any:
        """Send a request thrice; gives its reply. change: what the third body has otherwise."""
        method, path = route.split()
        self.tried.add((method, path))
        place = path.replace(":path", "").format(**{"collection": "default", **names})
        headers = {"Idempotency-Key": f"{len(self.tried)}"}

        def ask(content: Any) -> Any:
            more = {"content": content} if isinstance(content, bytes) else {"json": content}
            return self.client.request(method, place, headers=headers, **more)

        changed = body + b"\n" if isinstance(body, bytes) else {**body, **(change or {})}
        first, again, other = ask(body), ask(body), ask(changed)
        assert first.is_success, (route, first.text)
        assert (again.status_code, again.content) == (first.status_code, first.content), route
        assert again.headers.get("location") == first.headers.get("location")
        assert other.status_code in {400, 422}  # the first in OpenAI's shapes
        assert OTHER_BODY_MESSAGE in other.text, other.text
        return first.json()


def wait_for_job(client, job):
    until = time.monotonic() + 30
    while not (shown := client.get(f"/v1/jobs/{job}").json())["finished"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    return shown


@pytest.fixture
def walk(home, keys):
    _, token = keys.create("Mia", scopes=["admin"])
    with serving(home, keys) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield Walk(client, set())


def keep_gap(keys):
    store = ConversationStore(keys.database)
    turn = ConversationTurn(
        id="asked",
        conversation=store.create("visitor:a:1", "default").id,
        collection="default",
        question=ENTRY["question"],
        answer={"text": "The documents do not answer this.", "citations": [], "sources": []},
        outcome="not_found",
        reason="no_passage",
        language="en",
    )
    return store.append_turn(turn).id


def walk_questions(walk):
    walk.send("POST /v1/answers", ASK, {"explain": True})
    walk.send("POST /v1/search", {"query": "refund"}, {"query": "gift"})
    tested = {**ASK, "answer": True}
    walk.send("POST /v1/collections/{collection}/retrieval", tested, {"answer": False})
    message = {"role": "user", "content": ASK["question"]}
    chat = {"model": "ragdesk", "messages": [message]}
    walk.send("POST /v1/chat/completions", chat, {"user": "b"})


def walk_documents(walk):
    path = "/v1/collections/{collection}/documents/{uri:path}"
    job = walk.send(f"PUT {path}", b"Tea is served at four.", uri="tea.md")
    wait_for_job(walk.client, job["id"])
    again = walk.send(f"POST {path}/reingest", b"", uri="tea.md")
    wait_for_job(walk.client, again["id"])
    jobs = walk.client.get("/v1/jobs").json()["jobs"]
    assert [one["id"] for one in jobs] == [again["id"], job["id"]]
    case = {**ASK, "reference": "5 days"}
    walk.send("POST /v1/collections/{collection}/cases", case, {"reference": "a week"})
    assert walk.client.get(f"{HERE}/cases").json()["total"] == 1


def walk_learning(walk, turn):
    client = walk.client
    (gap,) = client.get("/v1/gaps").json()["gaps"]
    made = [
        walk.send("POST /v1/gaps/{gap}/draft", b"", gap=gap["id"])["id"],
        walk.send("POST /v1/drafts", ENTRY, {"answer": "No."})["id"],
        walk.send("POST /v1/corrections", {"answer": turn, "text": "Yes."}, {"text": "No."})["id"],
    ]
    table = f'question,answer\n{ENTRY["question"]},"{ENTRY["answer"]}"\n'
    made += walk.send("POST /v1/tickets", table.encode())["drafts"]
    assert {draft["id"] for draft in client.get("/v1/drafts").json()["drafts"]} == set(made)
    assert len(set(made)) == 4
    walk.send(
        "POST /v1/drafts/{draft}/reject", {"reason": "twice"}, {"reason": "old"}, draft=made[0]
    )
    path = "/v1/drafts/{draft}/approve"
    headers = {"Idempotency-Key": "approve"}
    approve = {"json": {}, "headers": headers}
    first, again = (client.post(path.format(draft=made[1]), **approve).json() for _ in "ab")
    assert first["job"] == again["job"] is not None
    wait_for_job(client, first["job"])
    published = client.post(path.format(draft=made[1]), **approve).json()
    assert (published["state"], published["job"]) == ("published", first["job"])
    walk.tried.add(("POST", path))


def walk_conversations(walk):
    talk = walk.send("POST /v1/conversations", {"title": "a"}, {"title": "b"})["id"]
    assert len(walk.client.get("/v1/conversations").json()["conversations"]) == 1
    answer = walk.client.post("/v1/answers", json={**ASK, "conversation": talk}).json()["id"]
    liked = {"answer": answer, "verdict": "up"}
    walk.send("POST /v1/feedback", liked, {"verdict": "down"})
    walk.send("POST /v1/conversations/{conversation}/share", b"", conversation=talk)
    label = "POST /v1/turns/{turn}/intent"
    walk.send(label, {"intent": "refund_status"}, {"intent": "out_of_scope"}, turn=answer)
    asked = {"conversation": talk, "text": "Help."}
    name = walk.send("POST /v1/handoffs", asked, {"text": "Soon."})["id"]
    for step, body, change in (
        ("take", {}, {"text": "Mine."}),
        ("reply", {"text": "Hi."}, {"text": "Ho."}),
        ("transfer", {"confirm": name}, {"text": "Yours."}),
        ("close", {"confirm": name}, {"text": "Done."}),
        ("rate", {"rating": 1}, {"rating": 2}),
        ("reopen", {}, {"text": "Open."}),
        ("resend", {}, {"text": "Now."}),
    ):
        walk.send(f"POST /v1/handoffs/{{handoff}}/{step}", body, change, handoff=name)


def test_a_request_that_is_sent_again_gives_the_first_reply_and_does_it_once(walk, home, keys):
    turn = keep_gap(keys)
    walk_questions(walk)
    walk_documents(walk)
    walk_learning(walk, turn)
    walk_conversations(walk)
    walk.send("POST /v1/keys", {"name": "new", "role": "asker"}, {"role": "agent"})
    shop = {"name": "shop", "origins": ["https://shop.example"], "collections": ["default"]}
    walk.send("POST /v1/sites", shop, {"name": "store"})
    for text in ("One.\n", "Two.\n", "Three.\n"):
        publish(home, "third", {"a.md": text})
    walk.client.app.state.desk.open_collections.refresh_all()
    path = "POST /v1/collections/{collection}/rollback"
    walk.send(path, {"confirm": "third"}, {"to": 1}, collection="third")
    assert walk.client.get("/v1/collections/third/documents/a.md/text").text == "Two.\n"
    done = [entry.action for entry in list_audit(keys.database)]
    assert done.count("key.create") == 2  # a key, and a website's
    for action in ("generation.rollback", "draft.approve", "conversation.share"):
        assert done.count(action) == 1, action
    assert walk.tried == {(method, route.path) for method, route in list_routes()} - set(
        WITHOUT_KEY
    )


def test_a_retry_shows_a_draft_as_it_stands_and_none_that_is_hidden_by_now(client, keys):
    key, token = keys.create("e", scopes=["ask", "agent", "edit"], groups=["staff"])
    _, admin = keys.create("a", scopes=["admin"])
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
    first = client.post("/v1/drafts", json=ENTRY, headers=headers).json()
    edit = {**ENTRY, "answer": "No."}
    path = f"/v1/drafts/{first['id']}"
    assert client.patch(path, json=edit, headers={"Authorization": f"Bearer {admin}"}).is_success
    again = client.post("/v1/drafts", json=ENTRY, headers=headers)
    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert again.json()["answer"] == "No."
    with keys.database.write() as db:
        groups = '["others"]'
        db.exec_driver_sql("UPDATE keys SET groups = ? WHERE id = ?", (groups, key.id))
    assert client.post("/v1/drafts", json=ENTRY, headers=headers).status_code == 404
    listed = client.get("/v1/drafts", headers={"Authorization": f"Bearer {admin}"}).json()
    assert len(listed["drafts"]) == 1
