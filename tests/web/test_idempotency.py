"""A request that is sent again after what it rests on was changed."""

import time

from web_home import REFUNDS, publish, serving

ASK = {"question": "When does a refund reach my bank account?"}


def test_a_retry_after_a_publish_is_answered_anew_and_keeps_no_second_turn(home, keys):
    with serving(home, keys) as client:
        client.headers["Idempotency-Key"] = "k"
        talk = client.post("/v1/conversations", json={}).json()["id"]
        ask = {**ASK, "conversation": talk}
        first = client.post("/v1/answers", json=ask)
        assert client.post("/v1/answers", json=ask).content == first.content
        publish(home, "default", {"refunds.md": REFUNDS.replace("5 working", "7 working")})
        until = time.monotonic() + 20
        while "7 working" not in (again := client.post("/v1/answers", json=ask)).text:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert again.json()["id"] == first.json()["id"]
        turns = client.get(f"/v1/conversations/{talk}/turns").json()["turns"]
        assert [turn["id"] for turn in turns] == [first.json()["id"]]
        opinion = {"answer": again.json()["id"], "verdict": "up"}
        assert client.post("/v1/feedback", json=opinion).status_code == 200
