import asyncio
import contextlib
import json
import signal
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import httpx
import pytest
from postgresql_process import new_database
from server_process import served

from ragdesk.errors import DatabaseUnavailable, NotFound, Overloaded
from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database
from ragdesk.support.key_store import KeyStore
from ragdesk.web.conversation_events import _write_events
from ragdesk.web.event_streams import STREAMS_OF_PERSON, EventStreams


class Follower(threading.Thread):
    """Reads the events of a conversation, each with when it came."""

    def __init__(self, port, conversation, **headers):
        super().__init__(daemon=True)
        self.url = f"http://127.0.0.1:{port}/v1/conversations/{conversation}/events"
        self.headers = headers
        self.lines: list[tuple[float, str]] = []
        self.start()

    def run(self):
        with httpx.stream("GET", self.url, headers=self.headers, timeout=60) as stream:
            self.lines.append((time.monotonic(), f"status {stream.status_code}"))
            for line in stream.iter_lines():
                self.lines.append((time.monotonic(), line))

    def wait(self, words: str, seconds: float = 20.0) -> float:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for at, line in self.lines:
                if words in line:
                    return at
            time.sleep(0.01)
        raise AssertionError(self.lines)


def reply(store, conversation, text):
    return store.append_turn(
        ConversationTurn(
            id=make_row_id(),
            conversation=conversation,
            collection="default",
            author="agent",
            answer={"text": text},
        )
    )


def begin(port: int) -> str:
    made = httpx.post(f"http://127.0.0.1:{port}/v1/conversations", json={}, timeout=20)
    return str(made.json()["id"])


@pytest.mark.parametrize(
    ("error", "is_deleted"), [(DatabaseUnavailable("away"), False), (NotFound("gone"), True)]
)
def test_a_database_that_is_away_deletes_no_conversation(error, is_deleted):
    async def check():
        raise error

    async def read() -> bytes:
        streams = EventStreams()
        streams.start()
        state = SimpleNamespace(support=SimpleNamespace(streams=streams))
        changed = asyncio.Event()
        talk = SimpleNamespace(id="a", collection="default", state="waiting")
        return b"".join([part async for part in _write_events(state, talk, 0, changed, check)])

    assert (b"event: deleted" in asyncio.run(read())) is is_deleted


def test_a_person_follows_so_many_conversations_and_is_woken_by_their_changes_alone():
    async def follow() -> None:
        streams = EventStreams()
        streams.start()
        with streams.follow("a", "ann") as first, streams.follow("b", "ann") as second:
            await asyncio.to_thread(streams.notify, "a")
            await asyncio.to_thread(streams.notify, "unknown")
            await asyncio.wait_for(first.wait(), 5)
            assert not second.is_set()
            streams.end()
            assert second.is_set()
            with contextlib.ExitStack() as more:
                for _ in range(STREAMS_OF_PERSON - 2):
                    more.enter_context(streams.follow("a", "ann"))
                more.enter_context(streams.follow("a", "bob"))
                with pytest.raises(Overloaded):
                    more.enter_context(streams.follow("a", "ann"))
            more.enter_context(streams.follow("a", "ann"))

    asyncio.run(follow())


@pytest.mark.real
def test_what_another_process_writes_reaches_the_page_and_sigterm_ends_it(home):
    with served(home) as (port, process), closing(Database(home)) as database:
        store = ConversationStore(database)
        talk, gone = begin(port), begin(port)
        follower, other = Follower(port, talk), Follower(port, gone)
        follower.wait('"state":"answering"')
        other.wait('"state":"answering"')
        store.set_state(talk, "with_person")
        reply(store, talk, "I am here.")
        follower.wait('"state":"with_person"')
        follower.wait("I am here.")
        again = Follower(port, talk, **{"Last-Event-ID": "0"})
        again.wait("I am here.")
        more = [Follower(port, talk) for _ in range(STREAMS_OF_PERSON - 3)]
        for one in more:
            one.wait("state")
        Follower(port, talk).wait("status 503")

        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert time.monotonic() - started < 10  # drain_seconds are 15
        follower.join(5)
        assert [line for _, line in follower.lines].count("retry: 1000") == 2


@pytest.mark.real
def test_who_lost_the_right_to_see_it_hears_no_more(home):
    with closing(KeyStore(home)) as keys:
        key, token = keys.create("ann")
        bearer = {"Authorization": f"Bearer {token}"}
        with served(home) as (port, _):
            url = f"http://127.0.0.1:{port}/v1/conversations"
            talk = httpx.post(url, json={}, headers=bearer, timeout=20).json()["id"]
            follower = Follower(port, talk, **bearer)
            follower.wait("state")
            keys.revoke(key.id)
            reply(ConversationStore(keys.database), talk, "A secret.")
            follower.wait("deleted")
            assert "A secret." not in json.dumps(follower.lines)


@pytest.mark.real
def test_a_reply_at_one_server_reaches_a_page_of_another_within_two_seconds(
    home, postgresql, monkeypatch
):
    with new_database(postgresql) as address:
        monkeypatch.setenv("RAGDESK_SUPPORT__DATABASE", address)
        with (
            served(home) as (first, _),
            served(home) as (second, _),
            closing(Database(home, address)) as database,
        ):
            talk = begin(first)
            follower = Follower(second, talk)
            follower.wait("state")
            for number in range(5):
                written = time.monotonic()
                reply(ConversationStore(database), talk, f"Reply {number}.")
                assert follower.wait(f"Reply {number}.") - written < 2.0
            asked = {"question": "When does a refund reach my account?", "conversation": talk}
            written = time.monotonic()
            url = f"http://127.0.0.1:{first}/v1/answers"
            answer = httpx.post(url, json=asked, timeout=20).json()
            assert follower.wait(answer["id"]) - written < 2.0
            with closing(KeyStore(home, database)) as keys:
                _, token = keys.create("Eve", scopes=["ask", "agent"])
            agent = {"Authorization": f"Bearer {token}"}
            ConversationStore(database).set_state(talk, "waiting")
            following = Follower(second, talk, **agent)
            following.wait('"labels":{}')
            said = f"http://127.0.0.1:{first}/v1/turns/{answer['id']}/intent"
            written = time.monotonic()
            body = {"intent": "refund_status"}
            assert httpx.post(said, json=body, headers=agent, timeout=20).is_success
            assert following.wait(f'"{answer["id"]}":"refund_status"') - written < 2.0
