"""Nothing leaves the machine: ingest, ask, serve and eval under strace, and without any network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.resilience import network

ROOT = Path(__file__).parents[2]
NAMES = ["ingest", "ask", "serve", "eval run"]
CI = os.environ.get("CI") == "true"  # there a tool that is missing is a failure
pytestmark = pytest.mark.real


@pytest.mark.skipif(not CI and shutil.which("strace") is None, reason="no strace: make test-deps")
def test_no_command_connects_looks_up_or_leaves_files():
    rows = list(network.run(NAMES, idle=12))  # a report of ONNX Runtime's came within ten seconds
    assert [row.name for row in rows] == NAMES
    assert all(row.quiet for row in rows), [row for row in rows if not row.quiet]


def test_the_watch_sees_what_leaves(tmp_path):
    lines = [
        '1 connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
        '1 connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
        '1 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 1',
        '1 connect(3, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0',
        '1 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '1 connect(3, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT',
        '1 openat(AT_FDCWD, "/etc/elsewhere", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3',
    ]
    found = network.Findings("made up")
    network.read(lines, network.Place(tmp_path), found)
    assert (len(found.connections), len(found.lookups), found.files) == (2, 2, ["/etc/elsewhere"])


def test_the_commands_work_where_there_is_no_network():
    alone = [shutil.which("unshare") or "unshare", "-rn"]
    tried = subprocess.run([*alone, "true"], check=False, capture_output=True)  # noqa: S603
    if tried.returncode and not CI:
        pytest.skip("no network namespaces here")
    command = [*alone, sys.executable, "-m", "tests.resilience.network", "--alone"]
    done = subprocess.run(  # noqa: S603 - a module of ours
        [*command, "--idle", "1", "--only", *NAMES],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
