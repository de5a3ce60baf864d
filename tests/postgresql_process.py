"""A PostgreSQL server of our own: Debian's package, a cluster in a temporary folder, a free port."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

PROGRAMS = Path("/usr/lib/postgresql")
USER = "postgres"  # Debian's: the server refuses to run as root


def find_programs() -> Path | None:
    """Return the folder of the newest server that is installed."""
    folders = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return folders[-1].parent if folders else None


@contextlib.contextmanager
def run_postgresql() -> Iterator[str]:
    """Run a server; gives the address of its database, for ``support.database``."""
    programs = find_programs()
    if programs is None:
        raise FileNotFoundError("No PostgreSQL server is installed: make test-deps")
    folder = Path(tempfile.mkdtemp(prefix="ragdesk-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        cluster = folder / "cluster"
        _call(programs / "initdb", "-D", cluster, "-A", "trust", "-U", "desk", "-E", "UTF8", "-N")
        port = _free_port()
        options = (
            f"-k {folder} -c listen_addresses=127.0.0.1 -p {port} -c fsync=off "
            "-c max_connections=60 -c shared_buffers=32MB"
        )
        log = folder / "log"
        _call(programs / "pg_ctl", "-D", cluster, "-w", "-l", log, "-o", options, "start")
        try:
            yield f"postgresql+psycopg://desk@127.0.0.1:{port}/postgres"
        finally:
            _call(programs / "pg_ctl", "-D", cluster, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def new_database(address: str) -> Iterator[str]:
    """Make an empty database on a server, and drop it at the end; gives its address."""
    name = f"desk_{secrets.token_hex(6)}"
    with psycopg.connect(_plain(address), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield address.rpartition("/")[0] + f"/{name}"
    finally:
        with psycopg.connect(_plain(address), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _plain(address: str) -> str:
    return address.replace("postgresql+psycopg://", "postgresql://")


def _call(*words: object) -> None:
    command = [str(word) for word in words]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(  # noqa: S603, programs of the package
        command, capture_output=True, text=True, check=False, cwd="/", env=environment, timeout=120
    )
    if done.returncode:
        raise RuntimeError(f"{command[:2]}: {done.stdout}{done.stderr}")


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
