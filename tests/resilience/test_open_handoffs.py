"""A server that is stopped in the middle of hand-offs loses none of them, nor what they tell."""

import contextlib
import http.client
import json
import signal
import threading
import urllib.request
from pathlib import Path

import pytest
from handoff_server import run_handoff_server
from outside_systems import OutsideSystem, running_system
from web_home import publish

pytestmark = pytest.mark.real
COUNT = 10
WANTS = "I want to talk to a human being, please."


def post(port: int, path: str, **body: object) -> dict[str, object]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
        return dict(json.loads(reply.read()))


def get(port: int, path: str) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as reply:
        return dict(json.loads(reply.read()))


def test_a_stopped_server_loses_no_open_hand_off_and_no_letter(tmp_path: Path):
    publish(tmp_path / "home", "default", {"tea.md": "Tea is served at four o'clock.\n"})
    receiver = OutsideSystem()
    receiver.failures = 10_000  # the other side is down
    opened: list[str] = []

    def hand_over(port: int) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # it listens no more
            talk = str(post(port, "/v1/conversations")["id"])
            answer = post(port, "/v1/answers", conversation=talk, question=WANTS)
            assert answer["outcome"] == "handed_over"
            opened.append(talk)

    with running_system(receiver):
        with run_handoff_server(tmp_path / "home", receiver.url) as (port, process):
            for _ in range(COUNT):
                hand_over(port)
            late = [threading.Thread(target=hand_over, args=(port,)) for _ in range(COUNT)]
            for thread in late:
                thread.start()
            process.send_signal(signal.SIGTERM)  # while some are on their way
            for thread in late:
                thread.join()
            # uvicorn passes the signal on at its end
            assert process.wait(30) in {0, -signal.SIGTERM}
        receiver.failures = 0
        told = len(receiver.requests)
        assert len(opened) >= COUNT
        with run_handoff_server(tmp_path / "home", receiver.url) as (port, _):
            queue = get(port, "/v1/handoffs?view=queue")["handoffs"]
            assert isinstance(queue, list)
            waiting = {one["conversation"] for one in queue if one["state"] == "waiting"}
            assert set(opened) <= waiting
            for talk in opened:
                turns = get(port, f"/v1/conversations/{talk}/turns")["turns"]
                assert isinstance(turns, list)
                assert [turn["question"] for turn in turns] == [WANTS]
            wait = threading.Event()
            for _ in range(600):
                sent = {body["data"]["handoff"]["conversation"] for body in bodies(receiver)}
                if set(opened) <= sent:
                    break
                wait.wait(0.1)
            assert set(opened) <= sent
    assert told == 0


def bodies(receiver: OutsideSystem) -> list[dict[str, dict[str, dict[str, str]]]]:
    return [json.loads(body) for _, _, _, body in receiver.requests]
