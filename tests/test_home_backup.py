import json
import shutil
from contextlib import closing

import pytest
from click.testing import CliRunner
from web_home import SECRET, TEXTS, publish

from indexes.errors import IndexDamaged
from indexes.index import Index
from ragdesk.assemble import Workspace
from ragdesk.cli.main import cli
from ragdesk.errors import Invalid
from ragdesk.home_backup import restore_home_backup, write_home_backup
from ragdesk.settings import Settings
from ragdesk.support.conversations.conversation_store import ConversationFilter, ConversationStore
from ragdesk.support.insight.intent_training import USED_TURNS
from ragdesk.support.insight.question_insight import OWN_INTENTS, PACKAGED_INTENTS
from ragdesk.support.key_store import KeyStore, open_home_database


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    home = tmp_path_factory.mktemp("desk") / "home"
    publish(home, "default", {**TEXTS, SECRET: "x"}, secrets=frozenset({"staff"}))
    publish(home, "other", {"only-here.md": "Only here.\n"})
    with closing(open_home_database(home)) as database:
        ConversationStore(database).create("ann", "default", title="Kept")
        KeyStore(home, database).create("page")
        written = write_home_backup(Workspace(home, Settings()), database, home.parent / "b")
    assert written.collections == ("default", "other")
    return home.parent


def run(home, *words):
    return CliRunner().invoke(cli, ["--home", str(home), *map(str, words)])


def test_a_home_comes_back_with_its_conversations_keys_and_documents(desk, tmp_path):
    done = run(tmp_path / "new", "restore", desk / "b", "--json")
    assert json.loads(done.stdout)["collections"] == ["default", "other"]
    with Index.open(tmp_path / "new" / "collections" / "default") as index:
        groups = {document.uri: document.groups for document in index.iter_documents()}
    assert groups[SECRET] == {"staff"}
    assert len(groups) == len(TEXTS) + 1
    with closing(open_home_database(tmp_path / "new")) as database:
        (talk,) = ConversationStore(database).list_conversations(ConversationFilter(person="ann"))
        assert talk.title == "Kept"
        assert KeyStore(tmp_path / "new", database).has_valid_key()


def test_what_a_home_holds_is_not_written_over_unless_told_so(desk, tmp_path):
    file = tmp_path / "again"
    assert run(desk / "home", "backup", file).exit_code == 0
    assert run(desk / "home", "backup", file).exit_code == 2
    assert run(desk / "home", "restore", file).exit_code == 2
    assert run(desk / "home", "restore", file, "--replace").exit_code == 0
    assert [name for name in desk.iterdir() if "unfinished" in name.name] == []


def test_what_a_home_has_learnt_comes_back_too(desk, tmp_path):
    old, new = desk / "home", tmp_path / "new"
    model, turns = old / OWN_INTENTS, old / USED_TURNS
    model.parent.mkdir()
    model.write_bytes(PACKAGED_INTENTS.read_bytes())
    turns.write_bytes(b'{"turn": 1}\n')
    try:
        assert run(old, "backup", tmp_path / "b").exit_code == 0
    finally:
        shutil.rmtree(model.parent)
    assert run(new, "restore", tmp_path / "b").exit_code == 0
    assert (new / OWN_INTENTS).read_bytes() == PACKAGED_INTENTS.read_bytes()
    assert (new / USED_TURNS).read_bytes() == b'{"turn": 1}\n'
    (new / USED_TURNS).write_bytes(b"newer")
    shutil.rmtree(new / "collections")
    refused = run(new, "restore", tmp_path / "b")
    assert (refused.exit_code, "intents" in refused.stderr) == (2, True)
    assert (new / USED_TURNS).read_bytes() == b"newer"
    assert run(new, "restore", tmp_path / "b", "--replace").exit_code == 0
    assert (new / USED_TURNS).read_bytes() == b'{"turn": 1}\n'
    assert run(old, "backup", tmp_path / "nothing-learnt").exit_code == 0
    assert run(new, "restore", tmp_path / "nothing-learnt", "--replace").exit_code == 0
    assert not (new / OWN_INTENTS).exists()
    assert not (new / USED_TURNS).exists()


def test_a_backup_that_was_cut_or_changed_changes_nothing(desk, tmp_path):
    whole = (desk / "b").read_bytes()
    home = tmp_path / "home"
    at = whole.index(b"Kept")
    for damaged in (
        whole[: len(whole) // 2],
        whole[:at] + b"Left" + whole[at + 4 :],
        whole[:4_096].replace(b'"format": 1', b'"format": 2') + whole[4_096:],
        b"",
        whole[1_024:],
    ):
        (tmp_path / "damaged").write_bytes(damaged)
        with closing(open_home_database(home)) as database:
            workspace = Workspace(home, Settings())
            with pytest.raises((IndexDamaged, Invalid)):
                restore_home_backup(workspace, database, tmp_path / "damaged")
            assert ConversationStore(database).list_conversations(ConversationFilter()) == []
        assert workspace.list_collections() == []
