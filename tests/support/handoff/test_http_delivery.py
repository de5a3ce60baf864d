"""What another system answers is read to a bound, also where it is packed."""

import gzip
import tracemalloc

import pytest
from small_server import SmallReply, SmallServer

from ragdesk.errors import DeliveryFailed
from ragdesk.support.handoff.http_delivery import LARGEST_OUTSIDE_REPLY, HttpSender


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
