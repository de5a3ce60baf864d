"""The databases that every test of ``support`` runs on: SQLite, and with -m real PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from postgresql_process import new_database

from ragdesk.support.database import Database


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home with an empty database, to be copied: its revisions take longer than a test."""
    home = tmp_path_factory.mktemp("empty") / "home"
    Database(home).close()
    return home


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, empty_home: Path
) -> Iterator[Database]:
    """Open an empty database, once of each kind."""
    if request.param == "sqlite":
        with closing(Database(shutil.copytree(empty_home, tmp_path / "home"))) as opened:
            yield opened
        return
    with (
        new_database(request.getfixturevalue("postgresql")) as address,
        closing(Database(tmp_path / "home", address)) as opened,
    ):
        yield opened
