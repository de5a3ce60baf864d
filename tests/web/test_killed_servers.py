"""A server that is killed between a deed and its reply: a retry by the same key does it once."""

import contextlib
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from killed_server import ORDER
from postgresql_process import new_database
from server_process import served
from sqlalchemy import select, update
from web_home import publish, serving

from indexes.store import locks
from indexes.upkeep import rollback
from ragdesk.errors import WrongState
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database
from ragdesk.support.key_store import KeyStore
from ragdesk.support.replicas.done_requests import (
    DONE_MESSAGE,
    DONE_SECONDS,
    DoneRequests,
    RequestDeed,
    clear_done_requests,
    enter_deed,
)
from ragdesk.support.replicas.replica_tables import DONE_REQUESTS, REPLICAS
from ragdesk.support.replicas.request_digests import DESK_SECRET
from ragdesk.support.replicas.response_store import ResponseKey
from ragdesk.web import generation_routes
from ragdesk.web.generation_routes import CHANGED_MESSAGE

ASK = {"question": "When does a refund reach my bank account?"}
CALL = {"question": "I want to talk to a human being, please."}
ENTRY = {"question": "Do you ship to Malta?", "answer": "Yes, within five working days."}
REPLY = {"text": "I am here.", "role": "agent"}


@dataclass
class Desk:
    """A home whose server is lost behind a deed, and comes again without what it remembered."""

    headers: dict[str, str]
    client: Any
    sent: int = field(default=0)

    def lose_behind(self, deed: str) -> None:
        """Have the server lost once a deed is done."""
        raise NotImplementedError

    def come_again(self) -> None:
        """Start another one."""
        raise NotImplementedError

    def do_twice(
        self, deed: str, path: str, body: Any, between: Callable[[], None] = lambda: None
    ) -> Any:
        """Do something, lose the server behind it, and send it again; gives the second reply.

        body: bytes are a document, or an export of tickets. between: what others do meanwhile.
        """
        self.sent += 1
        headers = {**self.headers, "Idempotency-Key": str(self.sent)}
        method = "PUT" if "/documents/" in path else "POST"
        content = {"content": body} if isinstance(body, bytes) else {"json": body}

        def send() -> Any:
            return self.client.request(method, path, headers=headers, **content)

        self.lose_behind(deed)
        with contextlib.suppress(httpx.TransportError):
            send()
        self.come_again()
        between()
        return send()

    def read(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers).json()


class RestartedDesk(Desk):
    """One in this process, which is shut and opened again: what was remembered is gone."""

    def __init__(self, home: Path, keys: KeyStore, ending: contextlib.ExitStack) -> None:
        self._open = lambda: ending.enter_context(serving(home, keys))
        _, token = keys.create("Mia", scopes=["admin"])
        super().__init__({"Authorization": f"Bearer {token}"}, self._open())
        self._ending = ending

    def lose_behind(self, deed: str) -> None:
        """Do nothing yet: it is lost as soon as its reply was read."""

    def come_again(self) -> None:
        self._ending.close()
        self.client = self._open()


class KilledDesk(Desk):
    """One in a process of its own, which kills itself."""

    def __init__(self, home: Path, database: Database, ending: contextlib.ExitStack) -> None:
        _, token = KeyStore(home, database).create("Mia", scopes=["admin"])
        super().__init__({"Authorization": f"Bearer {token}"}, None)
        self._home, self._database, self._ending = home, database, ending
        self.killed: list[int] = []
        self._start()

    def _start(self) -> None:
        start = served(self._home, script="killed_server.py")
        port, self._process = self._ending.enter_context(start)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.client = self._ending.enter_context(client)

    def lose_behind(self, deed: str) -> None:
        (self._home / ORDER).write_text(deed)

    def come_again(self) -> None:
        self.killed.append(self._process.wait(20))
        self._ending.close()
        if self._database.is_shared:  # as if it had been silent for a while
            with self._database.write() as connection:
                connection.execute(update(REPLICAS).values(seen=0))
        self._start()


@pytest.fixture(params=["restarted", *(pytest.param(n, marks=pytest.mark.real) for n in ("sqlite", "postgresql"))])  # fmt: skip
def desk(
    request: pytest.FixtureRequest, home: Path, keys: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    with contextlib.ExitStack() as around, contextlib.ExitStack() as ending:
        if request.param == "restarted":
            yield RestartedDesk(home, keys, ending)
            return
        address = None
        if request.param == "postgresql":
            address = around.enter_context(new_database(request.getfixturevalue("postgresql")))
            monkeypatch.setenv("RAGDESK_SUPPORT__DATABASE", address)
        database = around.enter_context(closing(Database(home, address)))
        killed = KilledDesk(home, database, ending)
        yield killed
        assert set(killed.killed) == {-9}


def begin(desk: Desk) -> str:
    reply = desk.client.post("/v1/conversations", json={}, headers=desk.headers)
    return str(reply.json()["id"])


def ask_in(desk: Desk, talk: str) -> str:
    body = {**ASK, "conversation": talk}
    name = str(desk.client.post("/v1/answers", json=body, headers=desk.headers).json()["id"])
    desk.read("/v1/conversations")  # waits for the turn
    return name


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def list_audited(desk: Desk, action: str) -> list[str]:
    entries = desk.read("/v1/audit")["entries"]
    return [entry["target"] for entry in entries if entry["action"] == action]


def test_a_conversation_its_turn_and_its_hand_off_are_made_once(desk):
    talk = desk.do_twice("conversation", "/v1/conversations", {}).json()["id"]
    assert [one["id"] for one in desk.read("/v1/conversations")["conversations"]] == [talk]

    for number, stream in enumerate((False, True), start=1):
        body = {**ASK, "conversation": talk, "stream": stream}
        reply = desk.do_twice("turn", "/v1/answers", body)
        turns = desk.read(f"/v1/conversations/{talk}/turns")["turns"]
        assert len(turns) == number
        assert turns[-1]["id"] in reply.text
        assert "5 working days" in reply.text

    asked = {"conversation": talk, "text": "Help."}
    case = desk.do_twice("handoff", "/v1/handoffs", asked)
    assert (case.status_code, case.json()["state"]) == (201, "waiting")
    name = case.json()["id"]
    desk.client.post(f"/v1/handoffs/{name}/take", json={}, headers=desk.headers)
    said = desk.do_twice("change", f"/v1/handoffs/{name}/reply", REPLY)
    assert (said.status_code, said.json()["id"]) == (200, name)
    authors = [turn["author"] for turn in desk.read(f"/v1/conversations/{talk}/turns")["turns"]]
    assert authors == ["customer", "customer", "agent"]
    assert list_audited(desk, "handoff.reply") == [name]

    passed_on = desk.do_twice("change", "/v1/answers", {**ASK, "conversation": talk})
    turns = desk.read(f"/v1/conversations/{talk}/turns")["turns"]
    assert [turn["author"] for turn in turns[2:]] == ["agent", "customer"]
    assert passed_on.json()["id"] == turns[-1]["id"]
    assert passed_on.json()["outcome"] == "handed_over"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("deed", ["turn", "handoff"])
def test_a_turn_that_calls_a_person_calls_one_once(desk, deed, stream):
    talk = begin(desk)
    reply = desk.do_twice(deed, "/v1/answers", {**CALL, "conversation": talk, "stream": stream})
    (turn,) = desk.read(f"/v1/conversations/{talk}/turns")["turns"]
    assert turn["id"] in reply.text
    assert '"outcome":"handed_over"' in reply.text
    cases = desk.read("/v1/handoffs?state=all")["handoffs"]
    assert [(one["conversation"], one["reason"]) for one in cases] == [(talk, "customer_asked")]


def test_a_draft_and_a_key_are_made_once(desk):
    draft = desk.do_twice("draft", "/v1/drafts", ENTRY)
    assert draft.status_code == 201
    assert [one["id"] for one in desk.read("/v1/drafts")["drafts"]] == [draft.json()["id"]]
    assert list_audited(desk, "draft.create") == [draft.json()["id"]]

    refused = desk.do_twice("key", "/v1/keys", {"name": "new", "role": "asker"})
    assert (refused.status_code, refused.json()["detail"]) == (409, DONE_MESSAGE)
    (made,) = (key["id"] for key in desk.read("/v1/keys")["keys"] if key["name"] == "new")
    assert list_audited(desk, "key.create") == [made]


def test_a_judgement_is_kept_once_and_a_conversation_shared_once(desk):
    talk = begin(desk)
    judgement = {"answer": ask_in(desk, talk), "verdict": "up"}
    opposite = {**judgement, "verdict": "down"}

    def dislike() -> None:
        desk.client.post("/v1/feedback", json=opposite, headers=desk.headers)

    reply = desk.do_twice("feedback", "/v1/feedback", judgement, dislike)
    assert (reply.status_code, reply.json()["verdict"]) == (200, "down")  # what was said since

    reply = desk.do_twice("share", f"/v1/conversations/{talk}/share", None)
    assert (reply.status_code, reply.json()["detail"]) == (409, DONE_MESSAGE)
    assert list_audited(desk, "conversation.share") == [talk]


def test_drafts_of_tickets_are_made_once_and_reviewed_once(desk):
    rows = (
        "Do you ship parcels to Malta?,Yes: they arrive there within five working days.",
        "Is there a shop that I can visit?,Yes: it is open from nine to five in the old town.",
    )
    reply = desk.do_twice("drafts", "/v1/tickets", "\n".join(("question,answer", *rows)).encode())
    assert (reply.status_code, reply.json()["tickets"], reply.json()["left_out"]) == (201, 2, {})
    drafts = {draft["id"] for draft in desk.read("/v1/drafts")["drafts"]}
    assert drafts == set(reply.json()["drafts"])
    assert list_audited(desk, "draft.create") == ["2 of tickets in default"]

    other, entry = reply.json()["drafts"]
    reply = desk.do_twice("rejection", f"/v1/drafts/{other}/reject", {"reason": "old"})
    assert (reply.status_code, reply.json()["state"]) == (200, "rejected")
    assert list_audited(desk, "draft.reject") == [other]

    reply = desk.do_twice("approval", f"/v1/drafts/{entry}/approve", {})
    assert reply.status_code == 200
    wait_until(lambda: desk.read("/v1/drafts?state=published")["drafts"])
    assert list_audited(desk, "draft.approve") == [entry]


@pytest.mark.parametrize("deed", ["case", "case note"])
def test_a_case_is_kept_once(desk, deed):
    path = "/v1/collections/default/cases"
    reply = desk.do_twice(deed, path, {**ASK, "reference": "5 working days"})
    assert reply.status_code == 201
    assert [case["id"] for case in desk.read(path)["cases"]] == [reply.json()["id"]]
    assert list_audited(desk, "case.create") == [f"default/{reply.json()['id']}"]


@pytest.mark.parametrize("deed", ["rollback plan", "rollback", "rollback note"])
def test_a_collection_goes_back_one_generation(desk, home, deed):
    for text in ("One.\n", "Two.\n", "Three.\n"):
        publish(home, "third", {"a.md": text})
    path = "/v1/collections/third/rollback"
    reply = desk.do_twice(deed, path, {"confirm": "third"})
    assert (reply.status_code, reply.json()["content_of"]) == (200, 2)
    text = "/v1/collections/third/documents/a.md/text"
    assert desk.client.get(text, headers=desk.headers).text == "Two.\n"
    assert list_audited(desk, "generation.rollback") == ["third/2"]


def test_a_collection_does_not_go_back_over_what_others_published_meanwhile(desk, home):
    for text in ("One.\n", "Two.\n"):
        publish(home, "third", {"a.md": text})
    path = "/v1/collections/third/rollback"
    publish_three = partial(publish, home, "third", {"a.md": "Three.\n"})
    reply = desk.do_twice("rollback plan", path, {"confirm": "third"}, publish_three)
    if isinstance(desk, RestartedDesk):  # it was done, before that
        assert reply.json() == {"collection": "third", "generation": 1, "content_of": 1}
    else:
        assert (reply.status_code, reply.json()["detail"]) == (409, CHANGED_MESSAGE)
    assert desk.read("/v1/collections/third/generations")["generations"][0]["current"]


def test_a_rollback_that_was_not_done_is_not_taken_for_done(home, keys, monkeypatch):
    for text in ("One.\n", "Two.\n", "Three.\n"):
        publish(home, "third", {"a.md": text})
    path = "/v1/collections/third/rollback"
    with contextlib.ExitStack() as ending:
        desk = RestartedDesk(home, keys, ending)

        def go_back_to_two() -> None:
            monkeypatch.undo()
            rollback.roll_back(home / "collections" / "third", 2)

        def die(*_: object) -> None:
            raise httpx.TransportError("the server is lost")

        monkeypatch.setattr(generation_routes, "roll_back", die)
        asked = {"confirm": "third", "to": 1}
        reply = desk.do_twice("rollback plan", path, asked, go_back_to_two)
        assert (reply.status_code, reply.json()["detail"]) == (409, CHANGED_MESSAGE)
        text = "/v1/collections/third/documents/a.md/text"
        assert desk.client.get(text, headers=desk.headers).text == "Two.\n"
        assert list_audited(desk, "generation.rollback") == []


def test_what_is_refused_leaves_its_key_free(home, keys):
    for text in ("One.\n", "Two.\n"):
        publish(home, "third", {"a.md": text})
    with contextlib.ExitStack() as ending:
        desk = RestartedDesk(home, keys, ending)

        def send(path: str, key: str, body: Any) -> Any:
            headers = {**desk.headers, "Idempotency-Key": key}
            return desk.client.post(f"/v1/collections/third/{path}", json=body, headers=headers)

        assert send("cases", "a", ASK).status_code == 422
        assert send("cases", "a", {**ASK, "reference": "5 working days"}).status_code == 201
        assert send("rollback", "b", {"confirm": "third", "to": 77}).status_code == 404
        lock = locks.lock_collection(home / "collections" / "third")
        with lock:
            assert send("rollback", "b", {"confirm": "third", "to": 1}).status_code == 409
        publish(home, "third", {"a.md": "Three.\n"})
        assert send("rollback", "b", {"confirm": "third", "to": 1}).status_code == 200


def test_a_document_that_is_put_again_is_there_once(desk):
    path = "/v1/collections/default/documents/tea.md"
    job = desk.do_twice("document", path, b"Tea is served at four.")
    assert job.status_code == 202
    wait_until(lambda: desk.read(f"/v1/jobs/{job.json()['id']}")["finished"])
    report = desk.read(f"/v1/jobs/{job.json()['id']}")
    if report["state"] == "failed":  # with PostgreSQL its first job is known, and whose it was
        assert report["error"]["code"] == "server_lost"
    else:
        assert report["report"]["unchanged"] == 1  # nothing is published anew
    documents = desk.read("/v1/collections/default/documents")["documents"]
    assert [document["uri"] for document in documents].count("tea.md") == 1


def test_the_key_of_a_deed_goes_with_one_body(home, keys):
    with contextlib.ExitStack() as ending:
        desk = RestartedDesk(home, keys, ending)
        headers = {**desk.headers, "Idempotency-Key": "k"}
        begun = desk.client.post("/v1/conversations", json={}, headers=headers)
        desk.come_again()
        other = desk.client.post("/v1/conversations", json={"title": "b"}, headers=headers)
        assert other.status_code == 422
        again = desk.client.post("/v1/conversations", json={}, headers=headers)
        assert again.json() == begun.json()


def test_no_row_confirms_what_was_asked_and_a_retry_is_known_all_the_same(home, keys):
    with contextlib.ExitStack() as ending:
        desk = RestartedDesk(home, keys, ending)
        headers = {**desk.headers, "Idempotency-Key": "k"}

        def send(title: str) -> Any:
            body = {"title": title}
            return desk.client.post("/v1/conversations", json=body, headers=headers)

        first = send("a")
        body = hashlib.sha256(first.request.content).digest()
        plain = hashlib.sha256(body).hexdigest()  # as rows of before have it
        with keys.database.read() as connection:
            digest = connection.execute(select(DONE_REQUESTS.c.request)).scalar_one()
        secret = keys.get_secret(DESK_SECRET)
        assert digest == f"{DESK_SECRET}:{hmac.digest(secret, body, 'sha256').hex()}"
        for former, status in ((digest, 422), (plain, 422), ("gone:1f", 201)):
            with keys.database.write() as connection:
                connection.execute(update(DONE_REQUESTS).values(request=former))
            desk.come_again()
            assert send("a").json() == first.json()
            desk.come_again()
            assert send("b").status_code == status


def test_a_label_and_a_site_are_shown_as_they_stand(home, keys):
    with contextlib.ExitStack() as ending:
        desk = RestartedDesk(home, keys, ending)
        body = {**ASK, "conversation": begin(desk)}
        turn = desk.client.post("/v1/answers", json=body, headers=desk.headers).json()["id"]
        label = f"/v1/turns/{turn}/intent"
        once = {**desk.headers, "Idempotency-Key": "k"}
        first, other = {"intent": "refund_status"}, {"intent": "invoice"}
        desk.read("/v1/conversations")  # waits for the turn
        assert desk.client.post(label, json=first, headers=once).json()["label"] == "refund_status"
        desk.client.post(label, json=other, headers=desk.headers)
        desk.come_again()
        assert desk.client.post(label, json=first, headers=once).json()["label"] == "invoice"
        assert list_audited(desk, "intent.set") == [turn, turn]

        shop = {"name": "shop", "origins": ["https://shop.example"], "collections": ["default"]}
        site = desk.do_twice("key", "/v1/sites", shop)
        assert site.status_code == 201
        assert [one["id"] for one in desk.read("/v1/sites")["sites"]] == [site.json()["id"]]


KEY = ResponseKey(name="a POST /v1/conversations k", person="ann", requests=("r",), basis="")


def test_a_deed_that_is_done_already_is_taken_back_until_its_note_is_too_old(keys):
    store, notes = ConversationStore(keys.database), DoneRequests(keys.database)
    with enter_deed(RequestDeed(key=KEY, facts={"more": "fact"})):
        talk = store.create("ann", "default")
        with pytest.raises(WrongState, match="done already"):
            store.create("ann", "default")
    store.create("ann", "default")  # of no request
    assert notes.find_note(KEY, "conversation") == f'{{"id": "{talk.id}", "more": "fact"}}'.encode()
    assert notes.find_note(KEY, "turn") is None
    clear_done_requests(keys.database)
    assert notes.find_note(KEY, "conversation") is not None
    with keys.database.write() as connection:
        old = time.time() - DONE_SECONDS - 1
        connection.execute(update(DONE_REQUESTS).values(created=old))
    assert notes.find_note(KEY, "conversation") is None
    with enter_deed(RequestDeed(key=KEY)):
        store.create("ann", "default")
    with keys.database.write() as connection:
        connection.execute(update(DONE_REQUESTS).values(created=old))
    clear_done_requests(keys.database)
    with keys.database.read() as connection:
        assert connection.execute(DONE_REQUESTS.select()).all() == []
