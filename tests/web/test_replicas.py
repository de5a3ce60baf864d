"""Two servers on one PostgreSQL: a retry, and the question how far a job is, reach either."""

import threading
import time
from contextlib import closing, contextmanager

import pytest
from postgresql_process import new_database
from sqlalchemy import delete, select, update
from web_home import REFUNDS, publish, serving

from ragdesk.support.database import Database
from ragdesk.support.key_store import KeyStore
from ragdesk.support.replicas.replica_tables import DONE_REQUESTS, KEPT_RESPONSES, REPLICAS

pytestmark = pytest.mark.real
ASK = {"question": "When does a refund reach my bank account?"}
DOCUMENTS = "/v1/collections/default/documents"


@contextmanager
def two_servers(home, server):
    """Serve one home twice; gives both clients, and headers of an administrator."""
    with (
        new_database(server) as address,
        closing(Database(home, address)) as first,
        closing(Database(home, address)) as second,
        serving(home, KeyStore(home, first)) as a,
        serving(home, KeyStore(home, second)) as b,
    ):
        _, token = KeyStore(home, first).create("Mia", scopes=["admin"])
        for client in (a, b):
            client.headers["Authorization"] = f"Bearer {token}"
            client.headers["Idempotency-Key"] = "k"
        yield a, b, first


def wait_for(client, job):
    until = time.monotonic() + 30
    while not (shown := client.get(f"/v1/jobs/{job}").json())["finished"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    return shown


def read_kept(database):
    with database.read() as connection:
        return connection.execute(select(KEPT_RESPONSES)).all()


def test_a_job_is_seen_at_the_other_server_and_a_retry_there_begins_no_second(home, postgresql):
    with two_servers(home, postgresql) as (a, b, database):
        put = a.put(f"{DOCUMENTS}/tea.md", content=b"Tea is served at four.")
        retry = b.put(f"{DOCUMENTS}/tea.md", content=b"Tea is served at four.")
        assert (retry.status_code, retry.json()["id"]) == (202, put.json()["id"])
        assert retry.headers["location"] == put.headers["location"]
        assert b.put(f"{DOCUMENTS}/tea.md", content=b"Or at five.").status_code == 422
        name = put.json()["id"]
        done = wait_for(b, name)
        assert done["state"] == "done"
        own = a.get(f"/v1/jobs/{name}").json()
        assert done == own
        assert [job["id"] for job in b.get("/v1/jobs").json()["jobs"]] == [name]
        _, stranger = KeyStore(home, database).create("x", scopes=["write"])
        other = {"Authorization": f"Bearer {stranger}"}
        assert b.get(f"/v1/jobs/{name}", headers=other).status_code == 404
        assert b.get("/v1/jobs", headers=other).json()["jobs"] == []


def test_a_retry_gets_the_first_answer_and_after_a_publish_keeps_no_second_turn(home, postgresql):
    with two_servers(home, postgresql) as (a, b, _):
        talk = a.post("/v1/conversations", json={}).json()["id"]
        assert b.post("/v1/conversations", json={}).json()["id"] == talk
        ask = {**ASK, "conversation": talk}
        first = a.post("/v1/answers", json=ask)
        assert b.post("/v1/answers", json=ask).content == first.content
        publish(home, "default", {"refunds.md": REFUNDS.replace("5 working", "7 working")})
        for client in (b, a):
            until = time.monotonic() + 60
            while "7 working" not in (again := client.post("/v1/answers", json=ask)).text:
                assert time.monotonic() < until
                time.sleep(0.1)
            assert again.json()["id"] == first.json()["id"]
        shown = a.get(f"/v1/conversations/{talk}/turns").json()["turns"]
        assert [turn["id"] for turn in shown] == [first.json()["id"]]


def test_a_streamed_answer_counts_once_at_all_servers(home, postgresql):
    with two_servers(home, postgresql) as (a, b, database):
        talk = a.post("/v1/conversations", json={}, headers={"Idempotency-Key": "t"}).json()["id"]
        ask = {**ASK, "conversation": talk, "stream": True}
        ends = [
            client.post("/v1/answers", json=ask).text.split("event: done")[1] for client in (a, b)
        ]
        assert ends[0].split('"seconds"')[0] == ends[1].split('"seconds"')[0]
        shown = b.get(f"/v1/conversations/{talk}/turns").json()["turns"]
        assert len(shown) == 1
        assert f'"id":"{shown[0]["id"]}"' in ends[1]
        kept = [row for row in read_kept(database) if row.status == 200]
        assert "bank" not in str(kept)


def test_of_two_retries_at_once_one_does_it(home, postgresql):
    with two_servers(home, postgresql) as (a, b, _):
        for client in (a, b):  # FastAPI makes its models at the first request
            client.post("/v1/conversations", json={}, headers={"Idempotency-Key": "first"})
            client.get("/v1/conversations")
        made = []
        threads = [
            threading.Thread(
                target=lambda client=client: made.append(client.post("/v1/conversations", json={}))
            )
            for client in (a, b) * 4
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {reply.status_code for reply in made} == {201}
        assert len({reply.json()["id"] for reply in made}) == 1
        assert len(a.get("/v1/conversations").json()["conversations"]) == 2


def test_the_token_of_a_new_key_is_kept_nowhere_and_no_retry_makes_a_second(home, postgresql):
    with two_servers(home, postgresql) as (a, b, database):
        body = {"name": "new", "role": "asker"}
        made = a.post("/v1/keys", json=body)
        token = made.json()["key"]
        assert a.post("/v1/keys", json=body).json()["key"] == token
        refused = b.post("/v1/keys", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
        assert "revoke" in refused.json()["detail"]
        assert token not in str(read_kept(database))
        assert sum(key["name"] == "new" for key in a.get("/v1/keys").json()["keys"]) == 1


def test_what_a_lost_server_was_at_is_taken_over(home, postgresql):
    with two_servers(home, postgresql) as (a, b, database):
        first = a.post("/v1/conversations", json={})
        with database.write() as connection:  # as if it had died before it was done
            connection.execute(update(KEPT_RESPONSES).values(status=None, body=None, replica="x"))
            connection.execute(update(REPLICAS).values(seen=0).where(REPLICAS.c.id == "x"))
            connection.execute(delete(DONE_REQUESTS))
        again = b.post("/v1/conversations", json={})
        assert again.status_code == 201
        assert again.json()["id"] != first.json()["id"]


CUT = """
CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;
CREATE TRIGGER cut BEFORE UPDATE ON kept_responses FOR EACH ROW EXECUTE FUNCTION cut();
"""


def test_a_connection_that_is_lost_before_the_deed_is_noted_has_it_done_once(home, postgresql):
    with two_servers(home, postgresql) as (a, b, database):
        with database.write() as connection:
            connection.exec_driver_sql(CUT)
        first = a.post("/v1/conversations", json={})
        assert first.status_code == 201
        assert a.post("/v1/conversations", json={}).json() == first.json()
        with database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER cut ON kept_responses")
        again = b.post("/v1/conversations", json={})  # waits until the first could say it
        assert (again.status_code, again.json()) == (201, first.json())
        assert len(b.get("/v1/conversations").json()["conversations"]) == 1


def test_what_may_have_been_done_is_told_at_every_server(home, postgresql):
    with two_servers(home, postgresql) as (a, b, database):
        talk = a.post("/v1/conversations", json={}).json()["id"]
        case = a.post("/v1/handoffs", json={"conversation": talk}).json()["id"]
        path = f"/v1/handoffs/{case}/resend"
        with database.write() as connection:
            audit = CUT.replace("UPDATE ON kept_responses", "INSERT ON audit")
            connection.exec_driver_sql(audit)
        lost = a.post(path)  # it is done, and the log of it is not written
        assert (lost.status_code, lost.json()["code"]) == (503, "outcome_unknown")
        with database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER cut ON audit")
        for client in (a, b):
            refused = client.post(path)
            assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
            assert "Look whether it was done" in refused.json()["detail"]


def test_what_was_done_and_noted_with_the_deed_is_shown_at_every_server(home, postgresql):
    with two_servers(home, postgresql) as (a, b, database):
        with database.write() as connection:
            audit = CUT.replace("UPDATE ON kept_responses", "INSERT ON audit")
            connection.exec_driver_sql(audit)
        body = {"question": "Do you ship to Malta?", "answer": "Yes, within five working days."}
        lost = a.post("/v1/drafts", json=body)  # it is kept, and the log of it is not
        assert lost.status_code == 503
        with database.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER cut ON audit")
        for client in (b, a):
            again = client.post("/v1/drafts", json=body)
            assert again.status_code == 201
            assert [one["id"] for one in a.get("/v1/drafts").json()["drafts"]] == [
                again.json()["id"]
            ]
