"""``ragdesk insight gaps`` and ``tickets`` on a small home."""

import json
from contextlib import closing

import pytest
from click.testing import CliRunner
from fakes import HashEmbedder
from web_home import publish

from ragdesk import assemble
from ragdesk.cli.main import cli
from ragdesk.support.conversations.conversation import ConversationTurn
from ragdesk.support.conversations.conversation_store import ConversationStore
from ragdesk.support.database import Database

QUESTION = "Do you ship to Malta?"


@pytest.fixture
def home(tmp_path, monkeypatch):
    publish(tmp_path, "default", {"refunds.md": "Refunds take 5 days.\n"})
    make = assemble.Workspace.__init__
    monkeypatch.setattr(
        assemble.Workspace,
        "__init__",
        lambda self, home, settings: make(self, home, settings, HashEmbedder()),
    )
    with closing(Database(tmp_path)) as database:
        store = ConversationStore(database)
        for person in ("ann", "bob"):
            store.append_turn(
                ConversationTurn(
                    id=person,
                    conversation=store.create(person, "default").id,
                    collection="default",
                    question=QUESTION,
                    outcome="not_found",
                    reason="no_passage",
                    language="en",
                )
            )
    return tmp_path


def run(home, *words):
    return CliRunner().invoke(cli, ["--home", str(home), "insight", *words])


def test_gaps_are_listed_with_their_trend(home):
    (gap,) = json.loads(run(home, "gaps", "--json").stdout)["gaps"]
    assert (gap["question"], gap["persons"], gap["recent"]) == (QUESTION, 2, 2)
    shown = run(home, "gaps").stdout
    assert f"2 rising   {QUESTION}" in shown
    assert "2 people; no_passage 2" in shown


def test_past_tickets_become_drafts(home, tmp_path):
    file = tmp_path / "tickets.csv"
    file.write_text(f"question,answer\n{QUESTION},Yes; it takes five working days.\nWhat?,ok\n")
    read = json.loads(run(home, "tickets", str(file), "--json").stdout)
    assert (len(read["drafts"]), read["tickets"]) == (1, 2)
    assert "Made 1 drafts of 1 tickets." in run(home, "tickets", str(file)).stdout
