"""What servers of one database tell each other: on SQLite, and with -m real on PostgreSQL."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from ragdesk.support.database_dump import dump_database
from ragdesk.support.encryption import TextCipher
from ragdesk.support.erasure_count import read_erasures
from ragdesk.support.personal_data import erase_person
from ragdesk.support.replicas import response_store
from ragdesk.support.replicas.job_records import LOST_JOB, JobRecords
from ragdesk.support.replicas.replica_registry import BEAT_SECONDS, ReplicaRegistry
from ragdesk.support.replicas.replica_tables import KEPT_RESPONSES, REPLICA_JOBS, REPLICAS
from ragdesk.support.replicas.response_store import KeptResponse, ResponseKey, ResponseStore
from ragdesk.support.text_rotation import rotate_texts

CIPHER = TextCipher([bytes(32)])
KEY = ResponseKey(name="key:a POST /v1/answers k", person="key:a", requests=("r",), basis="b")
MADE = KeptResponse(claim=None, status=200, headers={"a": "b"}, body='{"text": "退款"}')


def make_job(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "state": "queued", "created": time.time(), "finished": None, **more}


@pytest.fixture
def pair(database):
    first, second = ReplicaRegistry(database), ReplicaRegistry(database)
    first.beat()
    second.beat()
    return first, second


def lose(registry: ReplicaRegistry) -> None:
    with registry.database.write() as connection:
        is_this = REPLICAS.c.id == registry.id
        connection.execute(update(REPLICAS).where(is_this).values(seen=time.time() - 60))


def test_a_job_is_known_to_the_other_server_and_fails_with_its_own(pair):
    first, second = (JobRecords(one, CIPHER) for one in pair)
    first.store(make_job("a", uri="secret name.md"))
    first.store(make_job("b", state="done", finished=1.0))
    assert second.find("a")["uri"] == "secret name.md"
    assert [job["id"] for job in second.list_newest()] == ["b", "a"]
    assert second.find("none") is None
    with pair[0].database.read() as connection:
        kept = connection.execute(select(REPLICA_JOBS.c.detail)).scalars().all()
    assert "secret" not in str(kept)

    lose(pair[0])
    failed = second.find("a")
    assert (failed["state"], failed["error"]) == ("failed", LOST_JOB)
    assert failed["finished"]
    assert second.find("b")["state"] == "done"
    assert first.find("a")["state"] == "failed"  # it is so, for everybody
    with pair[0].database.read() as connection:
        states = connection.execute(select(REPLICA_JOBS.c.state)).scalars().all()
    assert sorted(states) == ["done", "failed"]


def test_a_server_that_ends_is_not_alive(pair):
    first, second = pair
    assert second.is_alive(first.id)
    first.close()
    assert not second.is_alive(first.id)
    assert second.is_alive(second.id)


def test_after_an_outage_the_silence_of_others_tells_nothing_yet(database):
    seconds = [0.0]
    first = ReplicaRegistry(database)
    second = ReplicaRegistry(database, clock=lambda: seconds[0])
    first.beat()
    second.beat()
    lose(first)
    assert not second.is_alive(first.id)
    seconds[0] += 20  # in which nobody reached the database
    assert second.is_alive(first.id)
    second.beat()
    assert second.is_alive(first.id)
    for _ in range(5):
        seconds[0] += BEAT_SECONDS
        second.beat()
    assert not second.is_alive(first.id)


def test_of_two_servers_one_makes_a_response_and_both_give_it(pair):
    first, second = (ResponseStore(one, CIPHER) for one in pair)
    claim = first.claim(KEY)
    assert claim
    assert second.claim(KEY) is None
    waiting = second.find(KEY)
    assert (waiting.claim, waiting.is_lost, waiting.body) == (claim, False, None)
    first.keep(KEY, claim, MADE)
    assert second.find(KEY) == MADE
    assert not second.find(replace(KEY, requests=("other",))).is_same_request
    assert not second.find(replace(KEY, basis="other")).is_same_basis
    with pair[0].database.read() as connection:
        rows = str(connection.execute(select(KEPT_RESPONSES)).all())
    assert "退款" not in rows
    assert "key:a" not in rows


def test_who_was_lost_is_taken_over_once_and_comes_too_late(pair):
    first, second = (ResponseStore(one, CIPHER) for one in pair)
    claim = first.claim(KEY)
    lose(pair[0])
    assert second.find(KEY).is_lost
    own = second.take_over(KEY, claim)
    assert own
    assert second.take_over(KEY, claim) is None
    first.keep(KEY, claim, replace(MADE, body="late"))
    assert second.find(KEY).body is None
    second.keep(KEY, own, MADE)
    assert first.find(KEY) == MADE
    again = replace(KEY, basis="new")
    assert first.take_over(again, None)
    assert first.take_over(again, None) is None
    assert second.find(again).body == MADE.body  # of before, while the new one is made


def test_a_claim_that_is_given_back_leaves_nothing(pair):
    store = ResponseStore(pair[0], CIPHER)
    store.release(KEY, "another's")
    claim = store.claim(KEY)
    store.release(KEY, "another's")
    assert store.find(KEY)
    store.release(KEY, claim)
    assert store.find(KEY) is None
    assert store.claim(KEY)


def test_a_claim_on_what_was_made_before_is_given_back_without_it(pair):
    store = ResponseStore(pair[0], CIPHER)
    store.keep(KEY, store.claim(KEY), MADE)
    claim = store.take_over(replace(KEY, basis="new"), None)
    store.release(KEY, claim)
    for basis in ("b", "new"):
        known = store.find(replace(KEY, basis=basis))
        assert (known.claim, known.is_same_basis, known.body) == (None, False, MADE.body)


def test_responses_are_few_and_go_with_age_and_person(pair, monkeypatch):
    monkeypatch.setattr(response_store, "MOST_OF_PERSON", 3)
    monkeypatch.setattr(response_store, "MOST_RESPONSES", 6)
    monkeypatch.setattr(response_store, "CLEARED_EVERY", 1)
    store = ResponseStore(pair[0], CIPHER)
    other = replace(KEY, name="other", person="key:b")
    store.keep(other, store.claim(other), MADE)
    for n in range(9):
        store.claim(replace(KEY, name=f"k{n}"))
    with pair[0].database.read() as connection:
        assert len(connection.execute(select(KEPT_RESPONSES)).all()) == 4
    assert store.find(other)  # nobody pushes out what others sent
    erasures = read_erasures(pair[1].database)
    assert read_erasures(pair[1].database) == erasures
    assert erase_person(pair[0].database, "key:a")["kept_responses"] == 3
    assert read_erasures(pair[1].database) != erasures  # so every server learns of it
    for n in range(12):
        store.claim(replace(KEY, name=f"k{n}", person=f"key:{n}"))
    with pair[0].database.read() as connection:
        assert len(connection.execute(select(KEPT_RESPONSES)).all()) <= 7
    with pair[0].database.write() as connection:
        connection.execute(update(KEPT_RESPONSES).values(created=time.time() - 90_000))
    monkeypatch.setattr(response_store, "CLEARED_EVERY", 1_000)
    assert store.find(replace(KEY, name="k11")) is None
    assert store.claim(replace(KEY, name="k11"))


def test_rotation_reaches_them_and_no_backup_holds_them(pair):
    plain = TextCipher()
    JobRecords(pair[0], plain).store(make_job("a", uri="secret name.md"))
    store = ResponseStore(pair[0], plain)
    store.keep(KEY, store.claim(KEY), MADE)
    assert rotate_texts(pair[0].database, CIPHER) == 2
    assert ResponseStore(pair[1], CIPHER).find(KEY) == MADE
    with pair[0].database.read() as connection:
        assert "secret" not in str(connection.execute(select(REPLICA_JOBS)).all())
    assert b"kept_responses" not in b"".join(dump_database(pair[0].database))
