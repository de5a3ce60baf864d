"""An open-loop load counts the delays that people meet, and names what is slow."""

import time

from ragdesk.bench.load import loads_as_markdown, run_open_loop


def test_a_slow_engine_is_named_by_its_slowest_step():
    def ask(_):
        time.sleep(0.1)
        return {"retrieve": 0.01, "generate": 0.09, "total": 0.1}

    load = run_open_loop(ask, ["a"], rate=10, seconds=1.0, places=8)
    assert load.as_json()["answers"] == 10
    assert load.bottleneck == "generate"
    assert "generate" in loads_as_markdown([load])


def test_questions_do_not_wait_for_answers_so_a_queue_shows():
    def ask(_):
        time.sleep(0.05)
        return {"total": 0.05}

    load = run_open_loop(ask, ["a"], rate=100, seconds=0.5, places=1)
    assert len(load.took) == 50
    assert max(load.took) > 10 * 0.05
    assert load.bottleneck.startswith("waiting")


def test_failures_are_counted_and_end_nothing():
    def ask(question):
        raise ValueError(question)

    load = run_open_loop(ask, ["a"], rate=100, seconds=0.1, places=2)
    found = load.as_json()
    assert (found["errors"], found["answers"], found["seconds"]) == (10, 0, {})
    assert load.bottleneck == "unknown"
    assert loads_as_markdown([load])
