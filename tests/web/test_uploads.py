"""Uploads that end badly leave nothing on the disk."""

import asyncio
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_home import serving

from indexes.store import locks
from ragdesk.web.uploads import UPLOADS_FOLDER, Uploads

WHERE = "/v1/collections/default/documents/a.md"


def left(home: Path) -> list[str]:
    """List what lies in a home's uploads, beside the locks."""
    files = (file for file in (home / UPLOADS_FOLDER).rglob("*") if file.is_file())
    return [file.name for file in files if file.name != "LOCK"]


def wait(true) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


@pytest.fixture
def client(home, keys) -> Iterator[Any]:
    with serving(home, keys, max_upload_bytes=1_000, max_jobs=8) as client:
        yield client


def test_an_upload_over_the_limit_is_gone(client, home):
    for _ in range(3):
        assert client.put(WHERE, content=iter([b"x" * 600] * 2)).status_code == 413
    assert left(home) == []


def test_an_upload_whose_client_leaves_is_gone(client, home):
    class Leaving:
        read = False

        async def receive(self) -> dict[str, Any]:
            if not self.read:
                self.read = True
                return {"type": "http.request", "body": b"x" * 500, "more_body": True}
            return {"type": "http.disconnect"}

        async def send(self, _message: dict[str, Any]) -> None:
            return

    client.portal.call(client.app, scope(), (leaving := Leaving()).receive, leaving.send)
    assert left(home) == []


def test_an_upload_whose_request_is_cancelled_is_gone(client, home):
    begun = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if begun.is_set():
            await asyncio.sleep(60)
        begun.set()
        return {"type": "http.request", "body": b"x" * 500, "more_body": True}

    async def send(_message: dict[str, Any]) -> None:
        return

    request = client.portal.start_task_soon(client.app, scope(), receive, send)
    wait(lambda: left(home))
    request.cancel()
    wait(lambda: not left(home))


def test_an_upload_that_a_later_check_refuses_is_gone(client, home):
    key = {"Idempotency-Key": "k"}
    assert client.put(WHERE, content=b"# A\n\nAlpha.\n", headers=key).status_code == 202
    assert client.put(WHERE, content=b"# B\n\nBeta.\n", headers=key).status_code == 422
    wait(lambda: not left(home))  # the first one's job has ended


def test_on_a_full_disk_an_upload_is_refused_in_words_and_gone(client, home):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))  # as a disk that is full then
    try:
        refused = client.put(WHERE, content=b"# A\n\n" + b"Alpha. " * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(home) == []
    assert refused.status_code == 507
    assert refused.json()["code"] == "disk_full"
    assert "disk is full" in refused.json()["detail"]
    assert str(home) not in refused.text


def test_a_job_on_a_full_disk_says_so(client, home):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with locks.lock_collection(home / "collections/default"):
        put = client.put(WHERE, content=b"# A\n\n" + b"Alpha. " * 100)
        where = put.headers["location"]
        wait(lambda: client.get(where).json()["waits_for"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, before[1]))
    try:
        wait(lambda: client.get(where).json()["state"] == "failed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert client.get(where).json()["error"]["code"] == "disk_full"
    assert left(home) == []


def test_what_cannot_be_removed_is_told(tmp_path, caplog):
    uploads = Uploads(tmp_path / "home")
    moved = tmp_path / "moved"
    uploads.folder.rename(moved)
    uploads.folder.symlink_to(moved)  # which is not followed
    uploads.close()
    assert moved.is_dir()
    (line,) = [one for one in caplog.records if "cannot be removed" in one.message]
    assert line.count == 1


def test_uploads_are_for_this_user_alone(client):
    folder = client.app.state.desk.uploads.folder
    for place in (folder, folder.parent):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_what_a_killed_server_left_is_cleared_at_start_and_what_a_living_one_holds_stays(tmp_path):
    code = (
        "import sys, time, pathlib\nfrom ragdesk.web.uploads import Uploads\n"
        "uploads = Uploads(pathlib.Path(sys.argv[1]))\n"
        "uploads.new_file().write_bytes(b'x' * 1000)\n"
        "print(uploads.folder, flush=True)\ntime.sleep(60)\n"
    )
    holder = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True
    )
    folder = Path(holder.stdout.readline().strip())
    Uploads(tmp_path).close()
    assert len(left(tmp_path)) == 1

    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    own = Uploads(tmp_path)
    assert left(tmp_path) == []
    assert not folder.exists()
    assert own.folder.is_dir()
    own.close()
    assert not own.folder.exists()


def test_a_home_that_takes_no_uploads_is_served_all_the_same(home, keys):
    shutil.rmtree(home / UPLOADS_FOLDER, ignore_errors=True)
    (home / UPLOADS_FOLDER).write_text("not a folder")
    with serving(home, keys) as client:
        assert client.post("/v1/search", json={"query": "refund"}).status_code == 200
        (home / UPLOADS_FOLDER).unlink()
        assert client.put(WHERE, content=b"# A\n\nAlpha.\n").status_code == 202


def scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "path": WHERE,
        "raw_path": WHERE.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 8080),
        "headers": [(b"host", b"localhost:8080"), (b"transfer-encoding", b"chunked")],
    }


def test_a_folder_that_was_removed_by_hand_is_made_anew(client, home):
    shutil.rmtree(home / UPLOADS_FOLDER)

    sent = client.put(WHERE, content=b"# A\n\nWords.\n")

    assert sent.status_code == 202
    wait(lambda: client.get(sent.headers["location"]).json()["state"] == "done")
    assert not left(home)
