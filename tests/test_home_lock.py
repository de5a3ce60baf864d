import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from sqlalchemy import update
from web_home import TEXTS, publish

from indexes.store.locks import lock_collection
from ragdesk.cli.main import cli
from ragdesk.errors import HomeBusy
from ragdesk.home_lock import take_home, use_home
from ragdesk.support.database import Database
from ragdesk.support.replicas.replica_registry import LOST_SECONDS, ReplicaRegistry, require_silence
from ragdesk.support.replicas.replica_tables import REPLICAS

HOLDER = """
import sys, time
from pathlib import Path
from ragdesk.home_lock import use_home
with use_home(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def run(home, *words):
    return CliRunner().invoke(cli, ["--home", str(home), *map(str, words)])


@pytest.fixture
def desk(tmp_path):
    home = tmp_path / "home"
    publish(home, "default", TEXTS)
    assert run(home, "backup", tmp_path / "b").exit_code == 0
    return home


def test_nothing_is_restored_beside_a_process_that_lives_and_all_beside_a_dead_one(desk, tmp_path):
    with subprocess.Popen(  # noqa: S603, our own interpreter
        [sys.executable, "-c", HOLDER, str(desk)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        done = run(desk, "restore", tmp_path / "b", "--replace")
        assert done.exit_code == 75
        assert "Stop it first" in done.stderr
        holder.send_signal(signal.SIGKILL)
    assert run(desk, "restore", tmp_path / "b", "--replace").exit_code == 0


def test_a_job_of_any_command_holds_a_restore_up_before_it_touches_the_database(desk, tmp_path):
    with lock_collection(desk / "collections" / "default"):
        assert run(desk, "keys", "create", "late").exit_code == 0
        assert run(desk, "restore", tmp_path / "b", "--replace").exit_code == 75
    assert "late" in run(desk, "keys", "list").stdout


def test_a_server_and_an_ingest_wait_for_the_end_of_a_restore(desk, tmp_path):
    (tmp_path / "a.md").write_text("New words.\n", encoding="utf-8")
    with take_home(desk):
        for words in (("serve", "--port", "0"), ("ingest", tmp_path / "a.md", "--quiet")):
            done = run(desk, *words)
            assert done.exit_code == 75
            assert "Come again when that has ended" in done.stderr


def test_any_number_may_use_a_home_and_none_takes_it(tmp_path):
    with use_home(tmp_path), use_home(tmp_path), pytest.raises(HomeBusy), take_home(tmp_path):
        raise AssertionError("it was taken")
    with take_home(tmp_path):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    (tmp_path / "LOCK").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), use_home(tmp_path):  # noqa: PT011, ELOOP has no class
        raise AssertionError("it was followed")
    assert not (tmp_path / "elsewhere").exists()


def test_a_database_of_one_machine_has_no_servers_to_wait_for(tmp_path):
    database = Database(tmp_path)
    try:
        require_silence(database, lambda _: pytest.fail("it waited"))
    finally:
        database.close()


@pytest.mark.real
def test_a_server_elsewhere_on_the_database_is_seen_by_its_beats(tmp_path, postgresql):
    database = Database(tmp_path, postgresql)
    living = ReplicaRegistry(database)
    living.beat()
    with pytest.raises(HomeBusy, match="Stop every server"):
        require_silence(database, lambda _: living.beat())
    with database.write() as connection:
        connection.execute(update(REPLICAS).values(seen=REPLICAS.c.seen - LOST_SECONDS + 2))
    waits: list[float] = []
    require_silence(database, lambda wait: (waits.append(wait), time.sleep(wait)))
    assert waits  # it says no more: as a killed one, which is lost soon
    require_silence(database, lambda _: pytest.fail("it waited for one that is lost"))
    living.close()
    database.close()
