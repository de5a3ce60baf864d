"""Answers that are given again: to whom, how long, and what takes them away."""

import asyncio
import json
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_writer
from click.testing import CliRunner
from engines import running
from fakes import HashEmbedder, document
from sqlalchemy import update
from starlette.testclient import TestClient
from web_home import CANARY, SECRET, TEXTS, publish, serving

from indexes.build import Build
from indexes.chunk import Validity
from ragdesk.answering.answer_cache.cache_options import AnswerCacheOptions
from ragdesk.answering.answer_options import DecideOptions
from ragdesk.answering.writing.writing_options import GenerateOptions
from ragdesk.cli.main import cli
from ragdesk.support.key_store import KeyStore
from ragdesk.support.sign_in.publishable_keys import PublishableKeyStore
from ragdesk.support.tables import KEYS
from ragdesk.web import answer_caching

QUESTION = "When does a refund reach my account?"
ALWAYS = AnswerCacheOptions(use="always")


@pytest.fixture(scope="module")
def served(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Serve a home that no test changes, to the local user."""
    home = shutil.copytree(published, tmp_path_factory.mktemp("cached") / "home")
    keys = KeyStore(home)
    with serving(home, keys, tables={"answer_cache": ALWAYS}) as client:
        yield client
    keys.close()


@pytest.fixture
def cached(served: TestClient) -> TestClient:
    served.app.state.desk.answer_cache.clear()
    return served


def heard(body: str) -> list[tuple[str, dict]]:
    blocks = [block.split("\n") for block in body.split("\n\n")[:-1]]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in blocks
    ]


def ask(client: TestClient, question: str = QUESTION, **body: object) -> dict:
    headers = body.pop("headers", {})
    response = client.post("/v1/answers", json={"question": question, **body}, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()


def forget_seen(answer: dict) -> dict:
    return {k: v for k, v in answer.items() if k not in {"id", "question", "seconds", "cached"}}


def list_events(client: TestClient) -> dict[str, float]:
    sums = client.app.state.desk.metrics.sum_families()
    name = "ragdesk_answer_cache_total."
    return {k.removeprefix(name): v for k, v in sums.items() if k.startswith(name)}


def count_events(client: TestClient, before: dict[str, float]) -> dict[str, float]:
    after = list_events(client)
    counts = {name: after[name] - before.get(name, 0) for name in after}
    return {name: count for name, count in counts.items() if count}


def test_the_same_question_is_given_the_same_answer_marked_and_under_an_id_of_its_own(cached):
    before = list_events(cached)
    first, again = ask(cached), ask(cached, f"  {QUESTION.replace(' ', '  ')}\n")

    assert "cached" not in first
    assert again["cached"] is True
    assert again["id"] != first["id"]
    assert set(again["seconds"]) == {"cache", "total"}
    assert forget_seen(again) == forget_seen(first)
    assert count_events(cached, before) == {"miss": 1, "stored": 1, "hit": 1}
    figures = cached.app.state.desk.metrics.sum_families()
    assert figures["ragdesk_answer_cache_answers"] == 1
    assert figures["ragdesk_answer_cache_bytes"] > len(first["text"])


@pytest.mark.parametrize("streamed_first", [True, False])
def test_a_stream_of_a_kept_answer_is_whole_and_its_deltas_are_its_text(cached, streamed_first):
    if streamed_first:
        first = heard(cached.post("/v1/answers", json={"question": QUESTION, "stream": True}).text)
        fresh = first[-1][1]
    else:
        fresh = ask(cached)

    events = heard(cached.post("/v1/answers", json={"question": QUESTION, "stream": True}).text)

    done = events[-1][1]
    assert done["cached"] is True
    assert forget_seen(done) == forget_seen(fresh)
    assert [name for name, _ in events] == ["found", "delta", "verdict", "done"]
    assert "".join(data["text"] for name, data in events if name == "delta") == done["text"]
    told = [mark for name, data in events if name == "verdict" for mark in data["citations"]]
    assert told == done["citations"]
    assert events[0][1]["passages"] == done["passages"]


OTHERWISE = [
    {"history": [{"role": "user", "text": "Hello"}]},
    {"filters": {"paths": ["refunds"]}},
    {"filters": {"uris": ["refunds.md"]}},
    {"explain": True},
    {"verify": "show"},
    {"collection": "other"},
    {"question": QUESTION.lower()},
    {"question": QUESTION.rstrip("?")},
    {"question": QUESTION.replace(" ", "\n", 1)},
]


def test_whatever_else_differs_is_answered_anew(cached):
    ask(cached)
    for body in OTHERWISE:
        assert "cached" not in ask(cached, **{"question": QUESTION, **body}), body


def test_nobody_is_given_the_answer_of_another_nor_what_they_may_not_see_any_more(home, keys):
    question = "What is the canary password of the cellar?"
    key, staff = keys.create("staff", scopes=["ask"], groups=["staff"])
    _, twin = keys.create("twin", scopes=["ask"], groups=["staff"])
    _, guest = keys.create("guest", scopes=["ask"])
    with serving(home, keys, tables={"answer_cache": ALWAYS}) as client:
        heads = [{"Authorization": f"Bearer {token}"} for token in (staff, twin, guest)]
        said = [ask(client, question, headers=head) for head in heads for _ in range(2)]
        with keys.database.write() as connection:
            connection.execute(update(KEYS).where(KEYS.c.id == key.id).values(groups="[]"))
        after = ask(client, question, headers=heads[0])

    assert ["cached" in answer for answer in said] == [False, True, False, True, False, False]
    assert all("xylophone" in answer["text"] for answer in said[:4])
    assert "xylophone" not in str([*said[4:], after])
    assert "cached" not in after


def test_who_shares_answers_shares_them_with_the_same_rights_alone(home, keys):
    question = "What is the canary password of the cellar?"
    shared = replace(ALWAYS, shared=True)
    _, staff = keys.create("staff", scopes=["ask"], groups=["staff"])
    _, twin = keys.create("twin", scopes=["ask"], groups=["staff"])
    _, wider = keys.create("wider", scopes=["ask"], groups=["staff", "boss"])
    _, guest = keys.create("guest", scopes=["ask"])
    with serving(home, keys, tables={"answer_cache": shared}) as client:
        heads = [{"Authorization": f"Bearer {token}"} for token in (staff, twin, wider, guest)]
        said = [ask(client, question, headers=head) for head in heads]

    assert ["cached" in answer for answer in said] == [False, True, False, False]
    assert "xylophone" not in str(said[3])


QUESTIONS = (
    "What is the canary password of the cellar?",
    QUESTION,
    "When do parcels leave our warehouse?",
)


def test_answers_are_those_of_a_desk_without_a_cache_whoever_asks_and_whatever_is_published(
    home, keys
):
    """Askers of several groups and publishes in any order, beside a server that keeps nothing."""
    dice = random.Random(5)  # noqa: S311
    groups = ([], ["staff"], ["staff"], ["boss"], ["boss", "staff"])
    tokens = [keys.create(f"k{i}", scopes=["ask"], groups=g)[1] for i, g in enumerate(groups)]
    heads = [{"Authorization": f"Bearer {token}"} for token in tokens]
    shared = {"answer_cache": replace(ALWAYS, shared=True)}
    given, secrets_seen = 0, 0
    with serving(home, keys, tables=shared) as kept, serving(home, keys) as plain:
        for step in range(60):
            if step % 20 == 19:
                publish_anything(home, dice)
                for client in (kept, plain):
                    client.app.state.desk.open_collections.refresh("default")
            head, question = dice.choice(heads), dice.choice(QUESTIONS)
            answer = ask(kept, question, headers=head)
            given += "cached" in answer
            secrets_seen += "xylophone" in answer["text"]
            assert forget_seen(answer) == forget_seen(ask(plain, question, headers=head))
    assert given > 10
    assert secrets_seen > 2


def publish_anything(home: Path, dice: random.Random) -> None:
    """Shut, open, remove or change a document."""
    texts = {**TEXTS, SECRET: CANARY}
    allowed = frozenset(dice.choice([["staff"], ["boss"], []]))
    texts["refunds.md"] = texts["refunds.md"].replace("5 working", f"{dice.randint(2, 9)} working")
    folder = home / "collections" / "default"
    publish(home, "default", texts, secrets=allowed)
    if dice.random() < 0.3:
        with Build(folder, HashEmbedder()) as build:
            build.publish(removed=[document(SECRET, CANARY)[0].id])


def test_a_document_that_holds_for_a_time_is_read_anew_each_time(home, keys):
    with Build(home / "collections" / "default", HashEmbedder()) as build:
        text = "The autumn voucher is worth 20 euros off any lamp.\n"
        validity = Validity(starts="2020-01-01T00:00:00Z", ends="2120-01-01T00:00:00Z")
        build.add(*document("voucher.md", text, source="api", validity=validity))
        build.publish()
    with serving(home, keys, tables={"answer_cache": ALWAYS}) as client:
        said = [ask(client, "What is the autumn voucher worth?") for _ in range(2)]
        now = ["2026-01-01T00:00:00Z"]
        opened = client.app.state.desk.open_collections._places["default"].shared.collection
        opened.index._masks._periods._clock = lambda: now[0]
        others = {"filters": {"uris": ["refunds.md"]}}
        within = [ask(client, **others) for _ in range(2)]
        now[0] = "2120-01-01T00:00:00Z"  # the voucher is over: other documents answer now
        beyond = ask(client, **others)

    assert "20 euros" in said[0]["text"]
    assert ["cached" in answer for answer in (*said, *within)] == [False, False, False, True]
    assert "cached" not in beyond


def test_what_is_no_plain_answer_is_not_kept(cached):
    for question in ("Who won the world cup in 1990?", "Hello!", "I want to talk to a person."):
        first, again = ask(cached, question), ask(cached, question)
        assert first["outcome"] != "answered"
        assert "cached" not in again


def test_a_question_with_personal_data_is_not_kept(home, keys):
    tables = {"answer_cache": ALWAYS, "decide": DecideOptions(floor=0.0)}
    with serving(home, keys, tables=tables) as client:
        said = [
            ask(client, f"When does a refund reach my account{who}?")
            for who in ("", "", " (anna@shop.example)", " (anna@shop.example)")
        ]

    assert {answer["outcome"] for answer in said} == {"answered"}
    assert ["cached" in answer for answer in said] == [False, True, False, False]


def begin(client: TestClient) -> str:
    return client.post("/v1/conversations", json={}).json()["id"]


def test_a_turn_of_a_kept_answer_is_recorded_and_a_disliked_answer_is_not_given_again(cached):
    question = "When do parcels leave your warehouse?"
    first = ask(cached, question, conversation=begin(cached))
    second = ask(cached, question, conversation=(place := begin(cached)))
    assert second["cached"] is True
    turns = cached.get(f"/v1/conversations/{place}/turns").json()["turns"]
    assert [turn["id"] for turn in turns] == [second["id"]]
    assert turns[0]["answer"]["cached"] is True

    liked = cached.post("/v1/feedback", json={"answer": first["id"], "verdict": "up"})
    assert liked.status_code == 200
    assert "cached" in ask(cached, question)
    disliked = cached.post("/v1/feedback", json={"answer": second["id"], "verdict": "down"})
    assert disliked.status_code == 200

    assert ["cached" in ask(cached, question) for _ in range(2)] == [False, False]


def test_what_was_disliked_before_a_start_is_not_kept_after_it(home, keys):
    tables = {"answer_cache": ALWAYS}
    with serving(home, keys, tables=tables) as client:
        answer = ask(client, conversation=begin(client))
        client.post("/v1/feedback", json={"answer": answer["id"], "verdict": "down"})
    with serving(home, keys, tables=tables) as client:
        client.portal.call(settle_watch)
        assert ["cached" in ask(client) for _ in range(3)] == [False, False, False]
        assert (
            "cached" in [ask(client, "When do parcels leave your warehouse?") for _ in range(2)][1]
        )


def test_a_look_finds_what_was_disliked_at_another_server(home, keys):
    tables = {"answer_cache": ALWAYS}
    with serving(home, keys, tables=tables) as here, serving(home, keys, tables=tables) as there:
        assert ["cached" in ask(here) for _ in range(2)] == [False, True]
        answer = ask(there, conversation=begin(there))
        there.post("/v1/feedback", json={"answer": answer["id"], "verdict": "down"})
        here.portal.call(answer_caching.watch_dislikes, here.app.state.desk)
        assert ["cached" in ask(here) for _ in range(2)] == [False, False]


async def settle_watch() -> None:
    for task in asyncio.all_tasks():
        if "watch_dislikes" in repr(task.get_coro()):
            await task


def test_what_a_person_asked_is_forgotten_with_their_conversation_and_their_data(cached):
    cache = cached.app.state.desk.answer_cache
    ask(cached, conversation=(place := begin(cached)))
    assert len(cache) == 1
    cached.delete(f"/v1/conversations/{place}")
    assert (len(cache), cache.bytes) == (0, 0)
    ask(cached)
    cached.delete("/v1/persons/local/data")
    assert len(cache) == 0


def test_who_is_erased_elsewhere_is_erased_from_every_servers_answers(home, keys, monkeypatch):
    monkeypatch.setattr(answer_caching, "WATCH_SECONDS", 0.02)
    tables = {"answer_cache": ALWAYS}
    with serving(home, keys, tables=tables) as here, serving(home, keys, tables=tables) as there:
        cache = here.app.state.desk.answer_cache
        for erase in (
            lambda: there.delete("/v1/persons/local/data").status_code,
            lambda: run_command(home, "support", "erase", "local"),
        ):
            assert ["cached" in ask(here) for _ in range(2)] == [False, True]
            time.sleep(0.1)  # looks that find nothing drop nothing
            assert len(cache) == 1
            assert erase() in {0, 200}
            until = time.monotonic() + 20
            while len(cache):
                assert time.monotonic() < until
                time.sleep(0.01)


def run_command(home: Path, *words: str) -> int:
    return CliRunner().invoke(cli, ["--home", str(home), *words]).exit_code


def test_a_conversation_that_a_person_was_called_to_is_given_no_kept_answer(cached):
    ask(cached)
    place = begin(cached)
    assert cached.post("/v1/handoffs", json={"conversation": place}).status_code == 201
    assert "cached" not in ask(cached, conversation=place)


def test_answers_of_the_documents_own_words_are_not_kept_unless_settings_say_so(client):
    assert client.app.state.desk.answer_cache is None
    assert ["cached" in ask(client) for _ in range(2)] == [False, False]


def test_near_questions_are_given_an_answer_where_settings_say_so(home, keys):
    tables = {"answer_cache": replace(ALWAYS, rewordings=True)}
    with serving(home, keys, tables=tables) as client:
        ask(client)
        near = ask(client, "Hi, could you tell me when a refund reaches my account, please")
        other = ask(client, "When does a refund not reach my account?")

    assert near["cached"] is True
    assert near["question"].startswith("Hi, could you")
    assert "cached" not in other


def test_answers_of_a_model_are_kept_by_default_and_those_it_failed_at_are_not(home, keys):
    model = scripted_writer.app(share=0.0)
    with running(model) as url:
        generate = GenerateOptions(urls=(url,))
        tables = {"generate": generate, "decide": DecideOptions(floor=0.0)}
        with serving(home, keys, tables=tables) as client:
            said = [ask(client) for _ in range(3)]
            asked = len(model.state.seen)
            streamed = client.post("/v1/answers", json={"question": QUESTION, "stream": True})

    assert {answer["generator"] for answer in said} == {"vllm"}
    assert ["cached" in answer for answer in said] == [False, True, True]
    assert heard(streamed.text)[-1][1]["cached"] is True
    assert len(model.state.seen) == asked
    with serving(home, keys, tables=tables) as client:  # its model is gone
        said = [ask(client) for _ in range(2)]
    assert [(answer["degraded"], "cached" in answer) for answer in said] == [(True, False)] * 2


def test_an_answer_that_is_given_again_spends_nothing_of_a_websites_day(home, keys):
    site = PublishableKeyStore(keys).create(
        "shop", origins=["https://shop.example"], collections=["default"], daily_answers=2
    )
    with running(scripted_writer.app(share=0.0)) as url:
        tables = {"generate": GenerateOptions(urls=(url,)), "decide": DecideOptions(floor=0.0)}
        with serving(home, keys, tables=tables) as client:
            client.headers["Authorization"] = f"Bearer {site.token}"
            client.headers["X-Visitor"] = client.post("/v1/visitors").json()["secret"]
            again = {"Idempotency-Key": "a"}
            said = [ask(client, headers=again) for _ in range(2)] + [ask(client) for _ in range(3)]
            streams = [
                client.post("/v1/answers", json={"question": question, "stream": True})
                for question in (QUESTION, "Are gift cards refunded?", "When do parcels leave?")
            ]
    assert ["cached" in answer for answer in said] == [False, False, True, True, True]
    assert [stream.status_code for stream in streams] == [200, 200, 429]
    assert streams[2].json()["code"] == "rate_limited"
