"""Bring a database to the newest revision of its tables, by Alembic."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

VERSIONS_FOLDER: Final = Path(__file__).parent / "versions"
HEAD_REVISION: Final = max(file.stem.split("_")[1] for file in VERSIONS_FOLDER.glob("version_*.py"))
SQLITE_VERSION: Final = 1  # user_version of 0.1.0's file, kept: 0.1.0 still reads its own tables
LOCK_NUMBER: Final = 0x7264_6573  # "rdes": of the lock under which one server alone migrates


def migrate_database(engine: Engine) -> None:
    """Bring a database to ``HEAD_REVISION``; one that is there already costs one query.

    Raises SQLAlchemyError, and ValueError for a database that a newer ragdesk wrote.
    """
    with engine.connect() as connection:
        if _read_revision(connection) == HEAD_REVISION:
            return
        _refuse_newer_file(connection)
    with engine.connect().execution_options(ragdesk_writes=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK_NUMBER})
        if (revision := _read_revision(connection)) != HEAD_REVISION:
            _refuse_newer_revision(revision)
            _upgrade_tables(connection)
            if engine.dialect.name == "sqlite":
                connection.execute(text(f"PRAGMA user_version = {SQLITE_VERSION}"))


def _read_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer_file(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    version = connection.execute(text("PRAGMA user_version")).scalar() or 0
    if version > SQLITE_VERSION:
        raise ValueError("it was written by a newer ragdesk")


def _refuse_newer_revision(revision: str | None) -> None:
    if revision is not None and revision > HEAD_REVISION:
        raise ValueError(f"it was written by a newer ragdesk (revision {revision})")


def _upgrade_tables(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415, loaded only where there is something to migrate
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(VERSIONS_FOLDER.parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD_REVISION)
