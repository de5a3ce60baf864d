"""A published generation is picked up without a dropped request."""

import shutil
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from web_home import publish, serving

from indexes.errors import BaseDamaged
from indexes.index import Index
from indexes.upkeep import rollback
from ragdesk.web.schemas import NotServedOut, ReadyOut

PUBLISHED = 12


def wait(true, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def refund(home, number: int) -> int:
    text = f"# Refunds\nA refund takes {number} days.\nVersion {number}.\n"
    return publish(home, "default", {"refunds.md": text})


def publish_damaged(home: Path) -> None:
    """Let a generation whose tombstones are cut appear at once, as from a torn disk."""
    aside = home.with_name("aside")
    shutil.copytree(home, aside)
    number = refund(aside, 10)
    made, served = (h / "collections/default" for h in (aside, home))
    (made / f"generations/{number}/tombstones.json").write_text("{")
    for folder in ("segments", "generations"):
        shutil.copytree(made / folder, served / folder, dirs_exist_ok=True)
    (made / "CURRENT").replace(served / "CURRENT")


def generation(client) -> int:
    return client.get("/v1/collections").json()["collections"][0]["generation"]


def test_publishing_drops_no_request_and_every_answer_is_of_one_generation(home, keys):
    stop, problems, seen = threading.Event(), [], set()

    def ask(client) -> None:
        while not stop.is_set():
            answer = client.post(
                "/v1/answers", json={"question": "How many days does a refund take?"}
            )
            if answer.status_code != 200:
                problems.append(answer.text)
                continue
            body = answer.json()
            seen.add(body["generation"])
            for mark in body["citations"]:
                text = client.get(
                    f"/v1/collections/default/documents/{mark['uri']}/text",
                    params={"generation": body["generation"]},
                )
                if (
                    text.status_code != 200
                    or text.text[mark["start"] : mark["end"]] != mark["quote"]
                ):
                    problems.append((body["generation"], mark, text.text))

    with serving(home, keys, poll_seconds=0.02) as client:
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(10 * PUBLISHED):
            last = refund(home, number)
            if number >= PUBLISHED and len(seen) > 2:
                break
        wait(lambda: generation(client) == last)
        stop.set()
        for thread in threads:
            thread.join()

    assert problems == []
    assert len(seen) > 2


def test_an_old_index_is_closed_by_its_last_reader(client, home):
    live = client.app.state.desk.open_collections
    shared = live._places["default"].shared
    old = shared.collection.index

    with shared.lease():
        refund(home, 7)
        wait(lambda: generation(client) == 2)
        assert old.read_text("refunds.md")  # somebody still reads it
    wait(lambda: old._closed)
    with pytest.raises(Exception, match="closed"):
        old.read_text("refunds.md")


def test_a_damaged_generation_leaves_the_old_one_answering_and_says_so(client, home):
    number = refund(home, 9)
    wait(lambda: generation(client) == number)
    publish_damaged(home)

    wait(lambda: "ragdesk_stale_collections 1" in client.get("/metrics").text)

    assert client.post("/v1/answers", json={"question": "refund"}).status_code == 200
    assert client.get("/readyz").status_code == 200
    assert generation(client) == number

    state = client.get("/readyz").json()
    assert (state["behind"], state["restricted"]) == (1, 1)  # its access log was not copied

    with pytest.raises(BaseDamaged, match="tombstones"):
        refund(home, 12)
    rollback.roll_back(home / "collections/default", number, old_groups=True)
    healed = refund(home, 12)
    wait(lambda: generation(client) == healed)
    assert "ragdesk_stale_collections 0" in client.get("/metrics").text


def test_lost_limits_of_past_texts_are_said_and_close_what_falls_back(client, home):
    collection = home / "collections/default"
    publish(home, "default", {"x.md": "For staff."}, x=frozenset({"staff"}))
    number = publish(home, "default", {"x.md": "For everybody."})
    wait(lambda: generation(client) == number)
    (collection / "limits.json").write_text("{}")

    touch(collection / "CURRENT")
    wait(lambda: client.get("/readyz").json()["behind"] == 1)
    assert client.get("/readyz").json()["restricted"] == 0
    assert client.post("/v1/answers", json={"question": "refund"}).status_code == 200
    assert generation(client) == number

    (collection / f"generations/{number}/tombstones.json").write_text("{")
    touch(collection / "CURRENT")
    wait(lambda: client.get("/readyz").json()["restricted"] == 1)

    rollback.roll_back(collection, number - 1, old_groups=True)
    wait(lambda: client.get("/readyz").json()["behind"] == 0)


def touch(file: Path) -> None:
    """Let a file change as by a writer who puts the same there."""
    aside = file.with_name("aside")
    shutil.copyfile(file, aside)
    aside.replace(file)


def break_for_good(home: Path, collection: str) -> None:
    for file in (home / "collections" / collection / "generations").rglob("MANIFEST.json"):
        file.write_text("{}")


def test_a_collection_that_cannot_be_opened_is_a_503_and_leaves_the_others_ready(home, keys):
    break_for_good(home, "other")
    with serving(home, keys) as client:
        broken = client.post("/v1/answers", json={"question": "x", "collection": "other"})
        assert broken.status_code == 503
        assert str(home) not in broken.text
        assert client.post("/v1/answers", json={"question": "x"}).status_code == 200
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert (ready.json()["collections"], ready.json()["served"]) == (2, 1)
        (trouble,) = ready.json()["not_served"]
        assert trouble["collection"] == "other"  # told to the local user
        assert (trouble["status"], trouble["reason"]) == ("closed", "index_damaged")
        assert datetime.fromisoformat(trouble["since"]) <= datetime.now(UTC)
        assert set(ready.json()) == set(ReadyOut.model_fields)
        assert set(trouble) == set(NotServedOut.model_fields)
        ReadyOut.model_validate(ready.json())
        assert client.get("/healthz").status_code == 200

        keys.create("a")
        assert "other" not in client.get("/readyz").text  # but to nobody without a key


def test_a_server_that_can_serve_nothing_is_not_ready(home, keys):
    for name in ("default", "other"):
        break_for_good(home, name)
    with serving(home, keys) as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_a_collection_made_later_is_found_and_one_removed_is_gone(client, home):
    assert client.get("/v1/collections/later/documents").status_code == 404
    publish(home, "later", {"a.md": "A later document.\n"})
    assert client.get("/v1/collections/later/documents").status_code == 200

    (home / "collections/later/CURRENT").unlink()  # not gone: its generations stand
    wait(lambda: client.get("/readyz").json()["behind"] == 1)
    assert client.get("/v1/collections/later/documents").status_code == 200

    shutil.rmtree(home / "collections/later")
    wait(lambda: client.get("/v1/collections/later/documents").status_code == 404)


def test_a_home_without_collections_serves_the_page_and_says_what_is_missing(tmp_path, keys):
    with serving(tmp_path / "empty", keys) as client:
        assert client.get("/").status_code == 200
        assert client.get("/v1/collections").json() == {"collections": []}
        assert client.post("/v1/answers", json={"question": "x"}).status_code == 404
        assert client.get("/readyz").status_code == 200


def test_a_look_at_collections_after_the_end_begins_nothing(client):
    live = client.app.state.desk.open_collections
    live.close()
    assert live._start_refreshes() == []
    assert client.post("/v1/answers", json={"question": "refund"}).status_code == 503


def test_a_file_that_changes_while_it_is_read_from_is_damage_and_an_older_one_answers(home, keys):
    """What is mapped changes with the disk: a row that is none must not be a 500."""
    refund(home, 3)
    with serving(home, keys) as client:
        wait(lambda: generation(client) == 2)
        collection = home / "collections" / "default"
        with Index.open(collection) as index:
            newest = index.segments[-1].digest
        file = collection / "segments" / newest / "entries.npy"
        body = bytearray(file.read_bytes())
        body[-2] ^= 4
        with file.open("r+b") as out:
            out.write(body)

        ask = {"query": "How many days does a refund take?"}
        statuses = [client.post("/v1/search", json=ask).status_code]
        wait(lambda: generation(client) == 1)
        statuses.append(client.post("/v1/search", json=ask).status_code)
        waits = client.get("/readyz").json()["not_served"]

    assert statuses == [503, 200]
    assert [entry["reason"] for entry in waits] == ["index_damaged"]
