import base64
import json
from contextlib import closing

import pytest
from click.testing import CliRunner

from ragdesk.cli.main import cli
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def home(tmp_path):
    with closing(Database(tmp_path / "home")) as database:
        ConversationStore(database).create("ann", "default", title="Marmalade")
    return tmp_path / "home"


def run(home, *words):
    return CliRunner().invoke(cli, ["--home", str(home), "support", *words])


def test_a_person_is_exported_and_erased_and_keys_are_rotated(home, monkeypatch):
    assert run(home, "rotate").exit_code == 2
    monkeypatch.setenv("RAGDESK_SUPPORT__ENCRYPTION_KEY", KEY)
    assert json.loads(run(home, "rotate", "--json").stdout)["rows"] == 1
    assert b"Marmalade" not in (home / "desk.sqlite").read_bytes()
    exported = json.loads(run(home, "export", "ann").stdout)
    assert exported["conversations"][0]["title"] == "Marmalade"
    assert json.loads(run(home, "prune", "--days", "1", "--json").stdout) == {"conversations": 0}
    assert "1 conversations" in run(home, "erase", "ann").stdout
    assert json.loads(run(home, "export", "ann").stdout)["conversations"] == []
    assert json.loads(run(home, "erase", "ann", "--json").stdout)["erased"]["conversations"] == 0


def test_a_key_that_is_none_stops_before_anything_is_read(home, monkeypatch):
    monkeypatch.setenv("RAGDESK_SUPPORT__ENCRYPTION_KEY", "too short")
    done = run(home, "export", "ann")
    assert done.exit_code == 2
    assert "openssl rand" in done.stderr
