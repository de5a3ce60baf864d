import contextlib
import importlib
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, select, text

from ragdesk.errors import DatabaseUnavailable, HomeUnusable, SettingsError
from ragdesk.support.database import Database
from ragdesk.support.key_store import KeyStore
from ragdesk.support.migrations.migration import HEAD_REVISION
from ragdesk.support.schema import TABLE_MODULES, load_schema
from ragdesk.support.tables import SECRETS

OLD_TABLES = """
CREATE TABLE keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL, groups TEXT NOT NULL, collections TEXT NOT NULL,
    created INTEGER NOT NULL, expires INTEGER, revoked INTEGER
);
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
INSERT INTO keys VALUES ('0a', 'page', x'01', '["ask"]', '[]', '[]', 1700000000, NULL, NULL);
PRAGMA user_version = 1;
"""  # as 0.1.0 made them


def test_the_revisions_make_the_tables_that_are_declared(database):
    root = Path(__file__).parents[2]
    for file in root.glob("ragdesk/support/**/*_tables.py"):
        importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))
    with database.read() as connection:
        made, declared = inspect(connection), load_schema().tables
        assert set(made.get_table_names()) == {*declared, "alembic_version"}
        for name, table in declared.items():
            columns = {column["name"]: column["nullable"] for column in made.get_columns(name)}
            assert columns == {c.name: c.nullable for c in table.columns}, name
            indexes = {frozenset(i["column_names"]) for i in made.get_indexes(name)}
            assert {frozenset(c.name for c in i.columns) for i in table.indexes} <= indexes, name


def test_the_schema_names_every_module_of_tables():
    """A dump made by a process that loaded nothing else holds all tables, too."""
    root = Path(__file__).parents[2]
    names = {file.stem for file in root.glob("ragdesk/support/*/*_tables.py")}
    assert {module.__name__.rpartition(".")[2] for module in TABLE_MODULES} == names


def test_a_block_that_raises_leaves_nothing_behind(database):
    def write_and_fail() -> None:
        with database.write() as connection:
            connection.execute(insert(SECRETS).values(name="a", value=b"1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.read() as connection:
        assert connection.execute(select(SECRETS)).all() == []


def test_keys_stand_in_any_database(database, tmp_path):
    keys = KeyStore(tmp_path / "home", database)
    key, token = keys.create("page", groups={"staff"})

    assert keys.find_by_token(token) == key
    assert keys.get_secret("cursor") == KeyStore(tmp_path / "home", database).get_secret("cursor")
    keys.revoke(key.id)
    assert keys.find_by_token(token) is None
    assert keys.has_had_keys()


def test_writers_wait_for_each_other(database):
    keys = KeyStore(database.home, database)
    errors = []

    def write() -> None:
        try:
            for _ in range(5):
                keys.create("one of many")
        except HomeUnusable as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(keys.list_keys()) == 20


def test_a_database_of_a_newer_ragdesk_is_refused(database):
    newer = str(int(HEAD_REVISION) + 1).zfill(4)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": newer})
    with pytest.raises(HomeUnusable, match="newer ragdesk"):
        Database(database.home, database.address)


def test_a_file_of_0_1_0_is_taken_over_and_still_its_own(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "desk.sqlite")) as old:
        old.executescript(OLD_TABLES)

    with contextlib.closing(KeyStore(tmp_path)) as keys:
        assert [key.name for key in keys.list_keys()] == ["page"]
        assert keys.has_had_keys()

    with contextlib.closing(sqlite3.connect(tmp_path / "desk.sqlite")) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)  # 0.1.0 opens it still
        assert old.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD_REVISION,)


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("not an address", "postgresql\\+psycopg"),
        ("mysql://u:geheim@h/d", "SQLite leave it out"),
        ("postgresql://u:geheim@h/d", "takes postgresql\\+psycopg"),
    ],
)
def test_an_address_that_is_none_of_postgresql_is_a_settings_error(tmp_path, address, word):
    with pytest.raises(SettingsError, match=word) as caught:
        Database(tmp_path, address)
    assert "geheim" not in str(caught.value)


def test_a_server_that_cannot_be_reached_is_named_without_its_password(tmp_path):
    with pytest.raises(DatabaseUnavailable, match=r"support\.database") as caught:
        Database(tmp_path, "postgresql+psycopg://desk:geheim@127.0.0.1:1/desk")
    assert "geheim" not in str(caught.value)
