"""The client of the other systems that hear of hand-offs and chats, against odd servers."""

import gzip
import socket
import threading
import time
import tracemalloc

import pytest
from small_server import SmallReply, SmallServer

from ragdesk.errors import DeliveryFailed
from ragdesk.support.handoff import http_delivery
from ragdesk.support.handoff.http_delivery import LARGEST_OUTSIDE_REPLY, HttpSender

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n"


def test_a_reply_that_comes_a_byte_at_a_time_is_left(monkeypatch):
    """Else one slow system would keep whoever sends, and all that waits behind it."""
    monkeypatch.setattr(http_delivery, "LONGEST_EXCHANGE", 0.1)

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(REPLY)
            for _ in range(60):
                time.sleep(0.02)
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        sender = HttpSender("It", f"http://127.0.0.1:{listener.getsockname()[1]}")
        try:
            with pytest.raises(DeliveryFailed, match="too long"):
                sender.send_json("POST", "/", {})
        finally:
            sender.close()
            thread.join()


def test_a_packed_reply_is_unpacked():
    packed = SmallReply(body=gzip.compress(b'{"id": 7}'), headers={"content-encoding": "gzip"})
    with SmallServer(lambda _: packed) as server:
        sender = HttpSender("It", server.url)
        assert sender.get_json("/") == {"id": 7}
        sender.close()


def test_a_small_reply_that_stands_for_a_large_one_is_refused_before_it_is_there():
    bomb = gzip.compress(bytes(80 * LARGEST_OUTSIDE_REPLY), 9)
    reply = SmallReply(body=bomb, headers={"content-encoding": "gzip"})
    with SmallServer(lambda _: reply) as server:
        sender = HttpSender("It", server.url)
        tracemalloc.start()
        with pytest.raises(DeliveryFailed, match="It: The reply is larger"):
            sender.get_json("/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        sender.close()
    assert peak < 8 * LARGEST_OUTSIDE_REPLY
