"""Clients without a key, and clients that do not read, stop nobody else's questions."""

import contextlib
import json
import shutil
import signal
import socket
import time

import httpx
import pytest
from server_process import served

from ragdesk.support.key_store import KeyStore
from ragdesk.web import acceptor
from ragdesk.web.connections import RateLimit, connection_ceiling

ASK = {"question": "When does a refund reach my account?"}
HEAD = "POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALF = f"{HEAD}Content-Length: 99\r\n\r\n{{".encode()
PAGE = b"GET /page/app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
HANDLES = 256


@pytest.fixture(scope="module")
def desk(published, tmp_path_factory):
    """Serve with a key and few handles; gives port, token and the file of the log."""
    folder = tmp_path_factory.mktemp("desk")
    home, log = shutil.copytree(published, folder / "home"), folder / "stderr"
    with contextlib.closing(KeyStore(home)) as keys:
        _, token = keys.create("honest", scopes=["admin"])
    with served(home, handles=HANDLES, log=log) as (port, _):
        yield port, {"Authorization": f"Bearer {token}"}, log


def connect(lines: contextlib.ExitStack, port: int, count: int, data: bytes) -> list:
    """Open connections, send each the same, and read nothing."""
    opened = []
    for _ in range(count):
        line = lines.enter_context(socket.socket())
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        line.settimeout(5)
        line.connect(("127.0.0.1", port))
        with contextlib.suppress(OSError):
            line.setblocking(False)  # noqa: FBT003
            line.send(data)
        opened.append(line)
    return opened


def statuses(port: int, headers: dict[str, str], times: int = 5) -> list[int]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as http:
        return [http.post("/v1/answers", json=ASK).status_code for _ in range(times)]


@pytest.mark.parametrize("key", ["", "Authorization: Bearer rd_wrong\r\n", "own"])
def test_half_sent_bodies_take_no_place_of_an_answer(desk, key):
    port, headers, _ = desk
    key = f"Authorization: {headers['Authorization']}\r\n" if key == "own" else key
    data = HALF.replace(b"Content-Type", f"{key}Content-Type".encode())
    with contextlib.ExitStack() as lines:
        connect(lines, port, 64, data)
        time.sleep(0.2)

        assert statuses(port, headers) == [200] * 5


def test_without_a_key_a_body_is_not_waited_for(desk):
    port, _, _ = desk
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n5\r\n")
        assert b" 401 " in line.recv(65_536)


def test_answers_that_are_never_read_take_no_place(desk):
    port, headers, _ = desk
    with contextlib.ExitStack() as lines:
        connect(lines, port, 64, PAGE * 2_000)
        time.sleep(0.3)

        assert statuses(port, headers) == [200] * 5


def test_idle_connections_beyond_the_handles_make_room_for_others(desk):
    port, headers, log = desk
    with contextlib.ExitStack() as lines:
        connect(lines, port, HANDLES + 60, b"GET / HT")

        assert statuses(port, headers) == [200] * 5
    assert log.read_text().count("Too many open files") <= 1


def test_bodies_that_drip_in_with_a_key_leave_connections_to_other_keys(desk):
    """Each byte shows that the client is there; together they would hold every connection."""
    port, headers, log = desk
    with contextlib.closing(KeyStore(log.parent / "home")) as keys:
        _, token = keys.create("dripping")
    data = HALF.replace(b"Content-Type", f"Authorization: Bearer {token}\r\nContent-Type".encode())
    codes = []
    with contextlib.ExitStack() as lines:
        for _ in range(5):
            connect(lines, port, HANDLES, data)  # anew before any of them has been there for long
            codes += statuses(port, headers, 1)

    assert codes == [200] * 5


def test_sigterm_does_not_wait_for_who_neither_sends_nor_reads(home):
    with contextlib.closing(KeyStore(home)) as keys:
        _, token = keys.create("honest")
    own = HALF.replace(b"Content-Type", f"Authorization: Bearer {token}\r\nContent-Type".encode())
    body = json.dumps({**ASK, "stream": True}).encode()
    head = own.partition(b"Content-Length")[0]
    stream = head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with served(home, slow=1.0) as (port, process), contextlib.ExitStack() as lines:
        connect(lines, port, 5, b"")
        connect(lines, port, 5, own)
        connect(lines, port, 5, PAGE * 2_000)
        (line,) = connect(lines, port, 1, stream)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        line.setblocking(True)  # noqa: FBT003
        line.settimeout(10)
        told = b""
        while piece := line.recv(65_536):
            told += piece
        process.wait(20)

        assert told.count(b"event: done") == 1
        assert time.monotonic() - began < 12  # drain_seconds is 15


def test_a_pace_lets_a_burst_through_and_then_so_many_a_second():
    pace = RateLimit(rate=10, burst=3)
    turns = [pace.take_turn(longest=0.25) for _ in range(8)]

    assert turns[:3] == [0.0] * 3
    assert [turn is None for turn in turns[3:]] == [False, False, True, True, True]


def test_a_queue_full_of_strangers_is_taken_in_within_seconds():
    assert acceptor.BACKLOG * acceptor.SLOW_PAUSE < 5


def test_connections_leave_handles_for_files():
    assert connection_ceiling(10_000, handles=4_096) == 4_096 - 256
    assert connection_ceiling(10_000, handles=100) == 50
    assert connection_ceiling(10, handles=4_096) == 10
