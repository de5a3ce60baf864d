"""A home with two collections, and a client of the app that answers from it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from web_home import CANARY, SECRET, TEXTS, publish, serving

from ragdesk.support.key_store import KeyStore


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("published")
    publish(home, "default", {**TEXTS, SECRET: CANARY}, secrets=frozenset({"staff"}))
    publish(home, "other", {"only-here.md": "Only here: the marmalade is orange.\n"})
    KeyStore(home).close()  # its tables are brought to the newest revision once, not by every test
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    """Copy what was published: writing it anew would sync every file of every test."""
    return shutil.copytree(published, tmp_path / "home")


@pytest.fixture
def keys(home: Path) -> Iterator[KeyStore]:
    keys = KeyStore(home)
    yield keys
    keys.close()


@pytest.fixture
def client(home: Path, keys: KeyStore) -> Iterator[TestClient]:
    """Ask as the local user: no key was made."""
    with serving(home, keys) as client:
        yield client
