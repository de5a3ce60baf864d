"""What a server says, and serves, while collections and their disk come and go."""

import errno
import os
import shutil
import threading
import time
import weakref
from pathlib import Path

import pytest
from web_home import publish, serving

from indexes.store import access_log, generations, locks
from ragdesk.web.volume import CollectionsVolume

DOCUMENTS = "/v1/collections/default/documents"
LATER = {"a.md": "A later document.\n"}


def wait(true, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


def change(client, method: str, uri: str, collection: str = "default") -> str:
    path = f"/v1/collections/{collection}/documents/{uri}"
    body = {"content": f"# {uri}\n\nCats.\n"} if method == "PUT" else {}
    job = client.request(method, path, **body).headers["location"]
    wait(lambda: client.get(job).json()["finished"])
    return client.get(job).json()["state"]


def ready(client) -> dict:
    answer = client.get("/readyz")
    assert (answer.status_code == 200) == answer.json()["ready"]
    return answer.json()


def test_a_current_that_came_while_its_collection_was_opened_is_noticed_when_it_goes(
    home, keys, monkeypatch
):
    folder = home / "collections/later"
    publish(home.with_name("made"), "later", LATER)
    made = home.with_name("made") / "collections/later"
    aside = (made / "CURRENT").rename(home.with_name("aside"))
    with serving(home, keys, poll_seconds=600) as client:  # each look is one of those below
        live = client.app.state.desk.open_collections
        open_ = live._open

        def point_and_open(name: str):
            aside.rename(folder / "CURRENT")  # as the last step of a publish, after the look
            return open_(name)

        monkeypatch.setattr(live, "_open", point_and_open)
        made.rename(folder)
        live.refresh("later")
        assert (ready(client)["served"], ready(client)["behind"]) == (3, 0)
        monkeypatch.undo()
        (folder / "CURRENT").unlink()
        live.refresh_all()
        assert ready(client)["behind"] == 1

        shutil.rmtree(folder)
        live.refresh_all()
        assert ready(client)["collections"] == 2


def test_views_of_what_answers_on_do_not_keep_each_other(home, keys):
    with serving(home, keys, retry_seconds=600) as client:
        for n in range(2):
            change(client, "PUT", f"{n}.md")
        place, views = client.app.state.desk.open_collections._places["default"], []
        source = place.shared
        (home / "collections/default/calibration.json").write_text("{}")
        for n in range(2):
            change(client, "DELETE", f"{n}.md")
            views.append(weakref.ref(place.shared))

        assert [view() is not None for view in views] == [False, True]
        assert source._users == 1  # the view that answers
        (home / "collections/default/calibration.json").unlink()
        change(client, "PUT", "3.md")
        assert source._users == 0
        assert views[-1]() is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_collection_that_cannot_be_looked_at_is_said_and_for_administrators(
    home, keys, monkeypatch, number
):
    headers = {"Authorization": f"Bearer {keys.create('guest')[1]}"}
    stat, read = Path.stat, generations.read_plain
    folder = home / "collections/default"

    def check(file: Path) -> None:
        if file.is_relative_to(folder) and file != folder:
            raise OSError(number, os.strerror(number), str(file))

    def fail_stat(file: Path, **more):
        check(file)
        return stat(file, **more)

    def fail_read(file: Path, *, most: int):
        check(file)
        return read(file, most=most)

    with serving(home, keys, retry_seconds=0.05) as client:
        assert client.get(DOCUMENTS, headers=headers).json()["documents"]
        with monkeypatch.context() as machine:
            machine.setattr(Path, "stat", fail_stat)
            machine.setattr(generations, "read_plain", fail_read)
            wait(lambda: ready(client)["restricted"] == 1)
            (trouble,) = ready(client)["not_served"]
            assert trouble["reason"] == ("permission" if number == errno.EACCES else "disk")
            assert not client.get(DOCUMENTS, headers=headers).json()["documents"]
        wait(lambda: not ready(client)["not_served"])
        assert client.get(DOCUMENTS, headers=headers).json()["documents"]


def test_collections_that_cannot_be_listed_are_said(client, home, monkeypatch):
    list_folder = Path.iterdir

    def fail(folder: Path):
        if folder == home / "collections":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return list_folder(folder)

    with monkeypatch.context() as machine:
        machine.setattr(Path, "iterdir", fail)
        wait(lambda: ready(client)["not_served"])
        assert ready(client)["not_served"][0]["reason"] == "permission"
        assert "ragdesk_stale_collections 1" in client.get("/metrics").text
        assert client.get("/v1/collections").status_code == 503  # and no 500
        assert client.get(DOCUMENTS).status_code == 200  # what is served goes on
    wait(lambda: not ready(client)["not_served"])
    assert "ragdesk_stale_collections 0" in client.get("/metrics").text


@pytest.mark.parametrize("mount_point", [False, True])
def test_a_disk_that_went_away_is_no_desk_without_collections(client, home, caplog, mount_point):
    caplog.set_level("INFO", "ragdesk.web")
    collections = home / "collections"
    away = collections.rename(home / "away")
    if mount_point:
        collections.mkdir()

    wait(lambda: not ready(client)["ready"])
    assert ready(client)["served"] == 0
    assert {one["reason"] for one in ready(client)["not_served"]} == {"disk"}
    assert client.get(DOCUMENTS).status_code == 503
    assert client.put(f"{DOCUMENTS}/new.md", content="x").status_code == 503
    assert change(client, "PUT", "new.md", "fresh") == "failed"
    assert not list(home.glob("collections/*"))  # its return would hide what stood here
    said = [one for one in caplog.records if one.getMessage().startswith("the newest")]
    assert len(said) == 2  # once for each

    shutil.rmtree(collections, ignore_errors=True)
    shutil.rmtree(away / "other")
    away.rename(collections)
    wait(lambda: ready(client)["collections"] == 1)
    wait(lambda: not ready(client)["not_served"])
    assert client.get(DOCUMENTS).status_code == 200
    assert change(client, "PUT", "new.md") == "done"


def test_collections_that_were_all_removed_are_no_disk_that_went_away(client, home):
    for folder in (home / "collections").iterdir():
        shutil.rmtree(folder)
    wait(lambda: ready(client)["collections"] == 0)
    assert ready(client)["ready"]
    assert client.get(DOCUMENTS).status_code == 404
    assert change(client, "PUT", "new.md") == "done"


def test_a_moved_folder_of_collections_is_believed_where_it_holds_some(tmp_path):
    folder = tmp_path / "collections"
    volume = CollectionsVolume(folder)
    volume.check()  # none yet: a new home
    folder.mkdir()
    volume.check()
    folder.rename(tmp_path / "former")
    (folder / "default").mkdir(parents=True)
    volume.check()
    (folder / "default").rmdir()
    volume.check()
    folder.rmdir()
    with pytest.raises(OSError, match="Mount its disk"):
        volume.check()


def test_a_pipe_in_the_place_of_a_small_file_is_no_wait(tmp_path):
    (tmp_path / "access").mkdir()
    for name in ("CURRENT", "LOCK", "access/2.json"):
        os.mkfifo(tmp_path / name)
    ends = []

    def read() -> None:
        ends.append(generations.read_current_number(tmp_path))
        ends.append(access_log.read_access_log(tmp_path, 2))
        with pytest.raises(OSError, match="LOCK"), locks.lock_collection(tmp_path):
            pass
        ends.append(None)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert ends == [None, None, None]
