"""Standard error that nobody reads holds up nothing, and nobody fills it without a key."""

import contextlib
import fcntl
import json
import logging
import os
import signal
import socket
import threading

import httpx
import pytest
from server_process import served

from ragdesk.log_queue import QUEUE_BYTES, QueueHandler
from ragdesk.log_repeats import COUNTED_KINDS, Repeats, classify_record
from ragdesk.logs import LineFormatter

BAD = [
    b"\x16\x03\x01\x00\xa5\r\n\r\n",
    b"GET / HTTP/9.9 x\r\n\r\n",
    b"GET / HTTP/1.1\r\n: x\r\n\r\n",
]


def fill(descriptor: int) -> None:
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"\n" * 4_096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"\n")


def drain(descriptor: int) -> list[dict]:
    """Read until the other end is closed; gives the lines."""
    with os.fdopen(descriptor, "rb") as pipe:
        return [json.loads(line) for line in pipe.read().splitlines() if line]


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


@pytest.fixture
def logger():
    logger = logging.getLogger("ragdesk.test_logs")
    logger.propagate, before = False, logger.propagate
    yield logger
    logger.propagate, logger.handlers = before, []


def attach(logger: logging.Logger, descriptor: int) -> QueueHandler:
    handler = QueueHandler(descriptor)
    handler.setFormatter(LineFormatter(as_json=True))
    logger.handlers = [handler]
    return handler


def test_a_stuck_reader_holds_up_nobody_and_is_told_how_much_it_missed(pipe, logger):
    reader, writer = pipe
    fill(writer)
    os.set_blocking(writer, True)
    handler = attach(logger, writer)
    text, count = "x" * 1_000, QUEUE_BYTES // 1_000 + 200

    def flood() -> None:
        for number in range(count):
            logger.warning("%d %s", number, text)
        logger.error("this must reach")

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()

    lines: list[dict] = []
    reading = threading.Thread(target=lambda: lines.extend(drain(os.dup(reader))))
    reading.start()
    handler.close()
    os.close(writer)
    reading.join()
    written = sum(line["level"] == "warning" for line in lines)
    dropped = [line["warning"] for line in lines if "dropped" in line["event"]]
    assert next(line["event"] for line in lines if line["level"] == "error") == "this must reach"
    assert 0 < sum(dropped) == count - written


def test_a_reader_that_went_away_ends_no_writer(logger):
    reader, writer = os.pipe()
    os.close(reader)
    handler = attach(logger, writer)
    logger.error("nobody reads this")
    handler.close()
    os.close(writer)
    assert not handler._thread.is_alive()


def test_a_line_that_cannot_be_made_is_told(pipe, logger):
    reader, writer = pipe
    handler = attach(logger, writer)
    logger.warning("%d of %d", *[1])
    handler.close()
    os.close(writer)
    with os.fdopen(os.dup(reader), "rb") as lines:
        assert b"could not be made: '%d of %d'" in lines.read()


def record(name: str, message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": name, "msg": message, "args": args, **extra})


def test_what_repeats_is_written_once_and_then_counted():
    now = [0.0]
    repeats = Repeats(60, clock=lambda: now[0])
    refused = record("ragdesk.web", "refused", code="overloaded", repeats="overloaded")
    assert [repeats.admit(classify_record(refused), refused) for _ in range(500)] == [True] + [
        False
    ] * 499
    now[0] = 30
    other = record("ragdesk.web", "refused", code="other", repeats="other")
    assert repeats.admit(classify_record(other), other)
    assert repeats.summarize() == []
    now[0] = 61
    (summary,) = repeats.summarize()
    assert (summary.msg, summary.code, summary.again, summary.seconds) == (
        "refused",
        "overloaded",
        499,
        61,
    )
    assert not repeats.admit(classify_record(refused), refused)  # it goes on: no first line again
    now[0] = 122
    assert [one.again for one in repeats.summarize()] == [1]
    now[0] = 183
    assert repeats.summarize() == []
    assert repeats.admit(classify_record(refused), refused)  # it had ended


def test_what_libraries_say_is_told_apart_by_its_words_without_numbers():
    kinds = {
        classify_record(record("uvicorn.error", "Invalid HTTP request received.")),
        classify_record(record("uvicorn.error", "Invalid HTTP request received.")),
        classify_record(record("asyncio", "Fatal error on transport <0x7f01> fd=17")),
        classify_record(record("asyncio", "Fatal error on transport <0x7f77> fd=18")),
        classify_record(record("py.warnings", "%s", "old")),
    }
    assert len(kinds) == 3
    assert classify_record(record("ragdesk.web", "job failed", job="a")) is None


def test_no_client_makes_more_kinds_than_are_kept():
    repeats = Repeats()
    admitted = sum(
        repeats.admit(classify_record(one), one)
        for n in range(COUNTED_KINDS * 4)
        for one in [record("ragdesk.web", "request", repeats=("/", n))]
    )
    assert admitted == COUNTED_KINDS + 1


def test_a_server_whose_log_nobody_reads_answers_and_ends(tmp_path):
    fifo = tmp_path / "stderr"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4_096)
    try:
        with served(tmp_path / "home", log=fifo) as (port, process):
            own = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            fill(own)
            for data in BAD * 5:
                with socket.create_connection(("127.0.0.1", port), 10) as line:
                    line.sendall(data)
                    assert line.recv(64)
            assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10).status_code == 200
            process.send_signal(signal.SIGTERM)
            process.wait(15)
            os.close(own)
    finally:
        os.close(reader)
