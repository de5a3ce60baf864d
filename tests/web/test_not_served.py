"""A newer generation that cannot be opened: the old one answers, and it is said since when and why."""

import asyncio
import contextlib
import errno
import logging
import os
import resource
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from fakes import HashEmbedder
from starlette.testclient import TestClient
from web_home import publish, serving

from ragdesk.assemble import Workspace
from ragdesk.file_handles import count_handles, raise_handle_limit
from ragdesk.open_collection import OpenCollection
from ragdesk.settings import Settings
from ragdesk.web import api, askable_collections
from ragdesk.web.serve_options import ServeOptions

ASK = {"question": "How many days does a refund take?"}
SEARCH_OTHER = {"query": "marmalade", "collection": "other"}


def wait(true, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.02)


@contextlib.contextmanager
def no_handles() -> Iterator[None]:
    """Take every handle that this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, count_handles() + 50), hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for one in taken:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def publish_aside(home: Path, text: str) -> tuple[int, Path]:
    """Lay a generation beside the others; it is published once its CURRENT is moved to its place."""
    aside = shutil.copytree(home, home.with_name("aside"))
    number = publish(aside, "default", {"refunds.md": text})
    made, served = (h / "collections/default" for h in (aside, home))
    for folder in ("segments", "generations"):
        shutil.copytree(made / folder, served / folder, dirs_exist_ok=True)
    return number, made / "CURRENT"


def test_without_handles_the_old_generation_answers_and_the_new_one_comes_by_itself(
    home, keys, caplog
):
    number, current = publish_aside(home, "# Refunds\nA refund takes 30 days.\n")
    caplog.set_level(logging.INFO, "ragdesk.web")
    with serving(home, keys, retry_seconds=0.05) as client:
        assert client.post("/v1/answers", json=ASK).json()["generation"] == 1
        with no_handles():
            current.replace(home / "collections/default/CURRENT")
            wait(lambda: client.get("/readyz").json()["not_served"])
            first = client.get("/readyz").json()
            wait(lambda: client.get("/readyz").json()["not_served"][0]["failures"] > 3)
            later = client.get("/readyz")
            answer = client.post("/v1/answers", json=ASK)
            numbers = client.get("/metrics").text
        assert answer.status_code == 200
        assert answer.json()["generation"] == 1
        assert later.status_code == 200
        (trouble,) = later.json()["not_served"]
        assert (trouble["status"], trouble["reason"]) == ("behind", "handles")
        assert trouble["since"] == first["not_served"][0]["since"]
        assert 'ragdesk_not_served{reason="handles"} 1' in numbers
        assert 'ragdesk_open_failures_total{reason="handles"}' in numbers

        wait(lambda: not client.get("/readyz").json()["not_served"])
        assert client.post("/v1/answers", json=ASK).json()["generation"] == number
        numbers = client.get("/metrics").text
        assert 'ragdesk_not_served{reason="handles"} 0' in numbers
        assert 'ragdesk_not_served_since_seconds{reason="handles"} 0' in numbers
    said = [r for r in caplog.records if "cannot be served" in r.getMessage()]
    assert len(said) == 1  # once, and then it is counted


DOCUMENTS = "/v1/collections/default/documents"


def put(client, uri: str, headers, query: str = "") -> None:
    job = client.put(f"{DOCUMENTS}/{uri}{query}", content=f"# {uri}\n\nCats.\n", headers=headers)
    wait(lambda: client.get(job.headers["location"], headers=headers).json()["state"] == "done")


@pytest.mark.parametrize("reason", ["settings", "handles"])
def test_what_answers_on_shows_nothing_that_was_removed_or_shut_since(
    home, keys, reason, monkeypatch
):
    admin, guest = (
        {"Authorization": f"Bearer {keys.create(name, scopes=scopes, groups=['guests'])[1]}"}
        for name, scopes in (("admin", ["admin"]), ("guest", ["ask"]))
    )

    def fail(_name: str) -> OpenCollection:
        raise OSError(errno.EMFILE, "Too many open files")

    with serving(home, keys, retry_seconds=0.05) as client:
        uris = ("gone.md", "shut.md", "open.md")
        for uri in uris:
            put(client, uri, admin)
        made = client.get(DOCUMENTS, headers=admin).json()["generation"]
        if reason == "settings":
            (home / "collections/default/calibration.json").write_text("{}")
        else:
            monkeypatch.setattr(client.app.state.desk.open_collections, "_open", fail)
        client.delete(f"{DOCUMENTS}/gone.md", headers=admin)
        put(client, "shut.md", admin, "?groups=staff")

        def status(uri: str, headers: dict[str, str]) -> int:
            return client.get(f"{DOCUMENTS}/{uri}/text", headers=headers).status_code

        assert [status(uri, guest) for uri in uris] == [404, 404, 200]
        assert [status(uri, admin) for uri in uris] == [404, 200, 200]
        asked = {"query": "Cats", "filters": {"uris": list(uris)}}
        found = client.post("/v1/search", json=asked, headers=guest).json()
        assert {one["uri"] for one in found["passages"]} == {"open.md"}
        listed = client.get(DOCUMENTS, headers=guest).json()
        assert listed["generation"] == made  # still the one that could be opened
        (trouble,) = client.get("/readyz").json()["not_served"]
        assert (trouble["status"], trouble["reason"]) == ("behind", reason)
        monkeypatch.undo()
        (home / "collections/default/calibration.json").unlink(missing_ok=True)
        wait(lambda: not client.get("/readyz").json()["not_served"])
        registry = client.app.state.desk.metrics.registry
        # What answered on is closed, and each once.
        wait(lambda: registry.get_sample_value("ragdesk_open_generations") == 2)
        assert status("shut.md", guest) == 404


def test_an_administrator_of_one_collection_reads_no_name_of_another(home, keys):
    _, token = keys.create("other", scopes=["admin"], collections=["other"])
    _, whole = keys.create("admin", scopes=["admin"])
    with serving(home, keys, retry_seconds=0.05) as client:
        (home / "collections/default/calibration.json").write_text("{}")
        publish(home, "default", {"new.md": "# New\nWords.\n"})
        wait(lambda: client.get("/readyz").json()["not_served"])

        names = [
            client.get("/readyz", headers={"Authorization": f"Bearer {one}"})
            .json()["not_served"][0]
            .get("collection")
            for one in (token, whole)
        ]

    assert names == [None, "default"]


@pytest.fixture
def low_limit() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_of_handles_is_raised_to_the_hard_one_and_said(low_limit, caplog):
    caplog.set_level(logging.INFO, "ragdesk")
    assert raise_handle_limit() == low_limit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (low_limit, low_limit)
    assert caplog.records[-1].limit == low_limit
    assert raise_handle_limit() == low_limit


class SlowDisk:
    """Opens collections; those named ``slow`` when it is let."""

    def __init__(self, desks: Workspace, slow: str) -> None:
        self.desks, self.slow, self.go = desks, slow, threading.Event()

    def __call__(self, name: str) -> OpenCollection:
        if name == self.slow:
            self.go.wait(30)
        return self.desks.open_collection(name)


def test_a_collection_on_a_slow_disk_holds_up_no_other(home, keys, monkeypatch):
    monkeypatch.setattr(api, "START_WAIT", 0.05)
    monkeypatch.setattr(askable_collections, "LIST_WAIT_SECONDS", 0.05)
    settings = replace(Settings(), serve=ServeOptions(poll_seconds=0.02))
    desks = Workspace(home, settings, HashEmbedder())
    slowly = SlowDisk(Workspace(home, settings, HashEmbedder()), "other")
    monkeypatch.setattr(desks, "open_collection", slowly)
    app = api.build_app(desks, keys)
    with TestClient(app, base_url="http://localhost:8080") as client:
        asked = [
            client.portal.start_task_soon(
                asyncio.to_thread, partial(client.post, "/v1/search", json=SEARCH_OTHER)
            )
            for _ in range(3)
        ]
        assert client.post("/v1/answers", json=ASK).status_code == 200
        publish(home, "default", {"refunds.md": "# Refunds\nA refund takes 30 days.\n"})
        wait(lambda: client.post("/v1/answers", json=ASK).json()["generation"] == 2)
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert (ready.json()["collections"], ready.json()["served"]) == (2, 1)
        listed = client.get("/v1/collections").json()["collections"]
        assert [one["name"] for one in listed] == ["default"]
        slowly.go.set()
        assert {one.result(30).status_code for one in asked} == {200}
        assert client.get("/readyz").json()["served"] == 2
