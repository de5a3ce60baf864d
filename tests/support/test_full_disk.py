"""``ragdesk keys`` on a disk that is full, or cannot be written."""

import contextlib
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ragdesk.support.key_store import KeyStore

ROOT = Path(__file__).parents[2]


def run(home: Path, *words: str, size: int | None = None, stdout=subprocess.PIPE):
    """Call ``ragdesk keys``. size: bytes that a file may have, as on a disk that is full."""

    def limit() -> None:
        if size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    command = [sys.executable, "-m", "ragdesk", "--home", str(home), "keys", *words]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(  # noqa: S603, our own command
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )


@pytest.mark.parametrize("size", [0, 20_000])
def test_a_key_that_could_not_be_stored_is_not_shown(tmp_path, size):
    with contextlib.closing(KeyStore(tmp_path)) as keys:
        keys.create("first")

        done = run(tmp_path, "create", "second", size=size)

        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert re.search(r"desk\.sqlite.* cannot be (used|written)", done.stderr)
        assert "rd_" not in done.stdout
        assert [key.name for key in keys.list_keys()] == ["first"]


def test_a_key_that_could_not_be_shown_is_revoked(tmp_path):
    with contextlib.closing(KeyStore(tmp_path)) as keys, Path("/dev/full").open("w") as full:
        done = run(tmp_path, "create", "unseen", stdout=full)

        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "revoked" in done.stderr
        assert [key.revoked is None for key in keys.list_keys()] == [False]
