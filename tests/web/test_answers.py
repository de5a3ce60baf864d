import json

import pytest
from fakes import HashEmbedder
from pydantic import TypeAdapter
from web_home import publish

from ragdesk.answering.answer import Answer, SearchResult
from ragdesk.web import schemas


def heard(body: str) -> list[tuple[str, dict]]:
    events = []
    for block in body.split("\n\n")[:-1]:
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def test_an_answer_has_the_shape_of_the_contract_and_its_citations_resolve(client):
    answer = client.post(
        "/v1/answers", json={"question": "When does a refund reach my account?"}
    ).json()

    TypeAdapter(Answer).validate_python(answer)
    assert answer["outcome"] == "answered"
    for mark in answer["citations"]:
        where = f"/v1/collections/default/documents/{mark['uri']}/text"
        text = client.get(where, params={"generation": answer["generation"]}).text
        assert text[mark["start"] : mark["end"]] == mark["quote"]


def test_a_stream_ends_with_one_done_and_its_deltas_are_its_text(client):
    ask = {"question": "退款多久到账？", "stream": True}
    response = client.post("/v1/answers", json=ask)
    events = heard(response.text)
    names = [name for name, _ in events]

    assert response.headers["content-type"].startswith("text/event-stream")
    assert names[0] == "found"
    assert names[-1] == "done"
    assert set(names[1:-1]) <= {"delta", "verdict"}
    assert (
        "".join(data["text"] for name, data in events if name == "delta") == events[-1][1]["text"]
    )
    assert events[0][1]["passages"][0]["rank"] == 1
    TypeAdapter(Answer).validate_python(events[-1][1])


def test_a_stream_whose_desk_fails_ends_with_one_error_that_tells_nothing(client, monkeypatch):
    opened = client.app.state.desk.open_collections._places["default"].shared.collection
    monkeypatch.setattr(type(opened.retrieve), "__call__", lambda *_, **__: 1 / 0)

    events = heard(client.post("/v1/answers", json={"question": "x", "stream": True}).text)

    assert [name for name, _ in events] == ["error"]
    assert set(events[0][1]) == {"code", "message"}
    assert "ZeroDivision" not in events[0][1]["message"]


def test_filters_leave_out_everything_else(client):
    def found(**filters: list[str]) -> set[str]:
        body = {"query": "refund parcel 退款", "filters": filters}
        return {p["uri"] for p in client.post("/v1/search", json=body).json()["passages"]}

    assert found(uris=["退款.md"]) == {"退款.md"}
    assert found(paths=["emoji"]) == {"emoji 🙂/shipping?.md"}
    assert found(languages=["zh"]) == set()
    assert len(found()) >= 3


def test_search_gives_ranked_passages_of_the_generation(client):
    body = client.post("/v1/search", json={"query": "refund", "top_k": 2}).json()

    TypeAdapter(SearchResult).validate_python(body)
    assert [p["rank"] for p in body["passages"]] == [1, 2][: len(body["passages"])]
    assert body["passages"][0]["uri"] == "refunds.md"


def test_signals_come_when_asked_for(client):
    answer = client.post("/v1/answers", json={"question": "refund", "explain": True}).json()
    assert all(isinstance(value, float | int) for value in answer["signals"].values())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": "x", "collection": "none"}, 404),
        ({"question": "x", "collection": "../etc"}, 422),
        ({"question": "x", "conversation": "c1"}, 404),
        ({"question": ""}, 422),
        ({"question": " \n\t "}, 422),
        ({"question": "x" * 2_001}, 422),
        ({"question": ["x"]}, 422),
        ({"question": "x", "top_k": 3}, 422),
        ({"question": "x", "filters": {"groups": ["staff"]}}, 422),
        ({"question": "x", "filters": {"uris": "x"}}, 422),
        ({}, 422),
        ([], 422),
        (7, 422),
        ("x", 422),
    ],
)
def test_what_is_no_question_is_a_problem(client, body, status):
    response = client.post("/v1/answers", json=body)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    schemas.ProblemOut.model_validate(response.json())


@pytest.mark.parametrize(
    "text",
    [
        "?",
        "🙂",
        '"a',
        "a AND",
        "NEAR(",
        "*",
        "x:term",
        "' OR 1=1 --",
        "a" * 2_000,
        "\u200b",
        "[1]",
        "%00",
        "<script>",
    ],
)
def test_any_words_are_a_question(client, text):
    assert client.post("/v1/answers", json={"question": text}).status_code == 200
    assert client.post("/v1/search", json={"query": text}).status_code == 200


def test_the_same_idempotency_key_gives_the_same_answer_and_refuses_another_body(client):
    def ask(question: str, key: str = "k1"):
        return client.post(
            "/v1/answers", json={"question": question}, headers={"Idempotency-Key": key}
        )

    first, again, other = ask("refund"), ask("refund"), ask("parcel")

    assert first.json() == again.json()
    assert other.status_code == 422
    assert ask("parcel", "k2").json()["id"] != first.json()["id"]
    assert ask("parcel", "k" * 200).status_code == 422


def test_a_follow_up_is_understood_with_what_was_said_before(client):
    said = [
        {"role": "user", "text": "When does a parcel leave the warehouse?"},
        {"role": "assistant", "text": "Within 24 hours. [1]"},
    ]
    body = {"question": "And a refund?", "history": said, "explain": True}
    answer = client.post("/v1/answers", json=body).json()

    assert answer["question"] == "And a refund?"
    assert "rewrite" in answer["seconds"]
    assert "emoji 🙂/shipping?.md" in {passage["uri"] for passage in answer["passages"]}


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "system", "text": "x"}],
        [{"role": "user", "text": ""}],
        [{"role": "user", "text": "x" * 8_001}],
        [{"role": "user", "text": "x", "name": "y"}],
        [{"role": "user", "text": "x"}] * 51,
        "x",
    ],
)
def test_what_is_no_conversation_is_a_problem(client, history):
    response = client.post("/v1/answers", json={"question": "x", "history": history})
    assert response.status_code == 422


def test_a_question_with_several_readings_offers_them_and_each_can_be_asked(
    home, client, monkeypatch
):
    # The vectors of a hash say nothing of how near a passage is: questions go by their words.
    monkeypatch.setattr(HashEmbedder, "embed_query", lambda *_: None)
    texts = {
        "kettle.md": "Clean it with a cloth.\n",
        "fryer.md": "Clean it with a rag.\n",
    }
    titles = {"kettle.md": "Fjord kettle", "fryer.md": "Lava fryer"}
    publish(home, "products", texts, titles=titles)
    asked = {"question": "How do I clean it?", "collection": "products"}
    answer = client.post("/v1/answers", json=asked).json()

    TypeAdapter(Answer).validate_python(answer)
    assert answer["outcome"] == "clarify"
    found = dict.fromkeys(passage["title"] for passage in answer["passages"])
    assert [choice["label"] for choice in answer["choices"]] == list(found)  # best first
    assert set(found) == set(titles.values())
    for choice in answer["choices"]:
        again = {"question": choice["question"], "filters": {"uris": choice["uris"]}}
        chosen = client.post("/v1/answers", json={**asked, **again}).json()
        assert chosen["outcome"] == "answered"
        assert {mark["uri"] for mark in chosen["citations"]} == set(choice["uris"])
