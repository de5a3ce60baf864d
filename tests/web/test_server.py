"""What only a real socket shows: draining, slow clients, large headers, clients that leave."""

import json
import signal
import socket
import threading
import time

import httpx
import pytest
from server_process import served

ASK = {"question": "When does a refund reach my account?", "stream": True}


@pytest.fixture(scope="module")
def port(published):
    with served(published) as (port, _):
        yield port


def say(port: int, data: bytes, *, seconds: float = 5.0) -> bytes:
    """Send bytes and read until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), seconds) as line:
        line.sendall(data)
        heard = b""
        while piece := line.recv(65_536):
            heard += piece
        return heard


def wait_for(port: int, line: str) -> None:
    until = time.monotonic() + 20
    while line not in httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_sigterm_lets_running_answers_end_and_takes_no_new_one(home):
    with served(home, slow=3.0) as (port, process):
        heard: list[str] = []

        def ask() -> None:
            with httpx.stream(
                "POST", f"http://127.0.0.1:{port}/v1/answers", json=ASK, timeout=30
            ) as answer:
                heard.append("".join(answer.iter_text()))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(port, "ragdesk_in_flight 5.0\n")  # the four, and this question itself
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        process.wait(20)

        assert [text.count("event: done\n") for text in heard] == [1] * 4
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), 1)


def test_a_client_that_says_nothing_or_drips_headers_is_let_go(port):
    started = time.monotonic()
    assert say(port, b"") == b""
    assert say(port, b"POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nX-Slow: ") == b""
    assert time.monotonic() - started < 10


def test_a_kept_connection_lives_through_its_requests_and_not_through_a_dripping_one(port):
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 5) as line:
        for _ in range(5):  # longer than keep_alive_seconds altogether
            line.sendall(ask)
            heard = b""
            while not heard.endswith(b'{"status":"ok"}'):
                heard += line.recv(65_536)
            time.sleep(0.4)
        started = time.monotonic()
        for letter in ask[:-1]:
            try:
                line.sendall(bytes([letter]))
            except OSError:
                break
            time.sleep(0.1)
        assert time.monotonic() - started < 4


def test_a_body_that_does_not_arrive_is_a_timeout(port):
    head = b"POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
    assert b" 408 " in say(port, head).split(b"\r\n")[0]


def test_headers_over_the_limit_are_refused(port):
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Big: " + b"x" * 100_000 + b"\r\n\r\n"
    try:
        heard = say(port, head)
    except ConnectionResetError:
        heard = b""  # it hung up before it was told everything
    assert b" 200 " not in heard


def test_a_body_longer_than_declared_or_of_two_lengths_breaks_nothing(port):
    head = "POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for more in (
        "Content-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: -1\r\n",
    ):
        heard = say(port, f"{head}{more}Connection: close\r\n\r\n{{}}extra".encode())
        assert heard.split(b"\r\n")[0].split(b" ")[1][:1] == b"4"
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200


def test_clients_that_leave_in_the_middle_leave_nothing_behind(port):
    body = json.dumps(ASK).encode()
    head = f"POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    for cut in (10, len(head), len(head) + 5, len(head) + len(body)):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port), 5) as line:
                line.sendall((head.encode() + body)[:cut])
    wait_for(port, "ragdesk_in_flight 1.0\n")


def test_a_stream_arrives_event_by_event(port):
    with httpx.stream("POST", f"http://127.0.0.1:{port}/v1/answers", json=ASK) as answer:
        names = [
            line.removeprefix("event: ") for line in answer.iter_lines() if line.startswith("event")
        ]
    assert names[0] == "found"
    assert names[-1] == "done"


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Authorization: Bearer rd_one\r\nAuthorization: Bearer rd_other\r\n",
    ],
)
def test_a_request_that_two_readers_would_read_differently_ends_its_connection(port, fields):
    hidden = b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    heard = say(
        port, b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\n" + fields + b"\r\n" + hidden
    )
    assert heard.startswith(b"HTTP/1.1 400 ")
    assert heard.count(b"HTTP/1.1 ") == 1
