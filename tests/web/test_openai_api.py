"""Chat completions and models in OpenAI's shapes: what goes in, what comes out, in which order."""

import contextlib
import json
import random
import shutil
from collections.abc import Iterator

import pytest
from openai_requests import OPEN_WEBUI_CHAT, OPEN_WEBUI_HEADERS, OPEN_WEBUI_TITLE
from starlette.testclient import TestClient
from web_home import CANARY, HOSTILE, SECRET, publish, serving

from ragdesk.support.key_store import KeyStore
from ragdesk.web.limit_options import LimitOptions
from ragdesk.web.openai_api.openai_errors import OPENAI_PATHS

CHAT = "/v1/chat/completions"
REFUND = "When does a refund reach a bank account?"
FOLLOW_UP = "And how long does it take?"
CAPITAL = "What is the capital of France?"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def client(published, tmp_path_factory) -> Iterator[TestClient]:
    """Ask as the local user; one server for all that changes nothing."""
    home = shutil.copytree(published, tmp_path_factory.mktemp("openai") / "home")
    with contextlib.closing(KeyStore(home)) as keys, serving(home, keys) as client:
        yield client


def ask(client, question=REFUND, *, model="ragdesk", headers=None, **more):
    body = {"model": model, "messages": [{"role": "user", "content": question}], **more}
    return client.post(CHAT, json=body, headers=headers)


def chunks(text):
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def error(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    detail = response.json()["error"]
    assert set(detail) == {"message", "type", "param", "code"}
    return detail


def test_an_answer_is_a_message_with_its_sources(client):
    completion = ask(client).json()
    (choice,) = completion["choices"]
    message, answer = choice["message"], completion["ragdesk"]
    assert message["content"] == answer["text"]
    assert (choice["finish_reason"], choice["finish_detail"]) == (
        "stop",
        {"outcome": "answered", "reason": None},
    )
    assert {"outcome", "reason", "citations", "claims", "passages", "generation", "confidence"} <= (
        answer.keys()
    )
    (annotation,) = message["annotations"]
    place = annotation["url_citation"]
    assert annotation["type"] == "url_citation"
    assert message["content"][place["start_index"] : place["end_index"]] == "[1]"
    address, _, span = place["url"].partition("#char=")
    start, end = map(int, span.split(","))
    assert client.get(address).text[start:end] == answer["citations"][0]["quote"]


def test_an_address_leads_to_a_document_of_any_name(client):
    completion = ask(client, "Do parcels leave our warehouse within 24 hours?").json()
    place = completion["choices"][0]["message"]["annotations"][0]["url_citation"]
    assert "emoji" in place["title"]
    assert "Parcels leave" in client.get(place["url"].partition("#")[0]).text


def test_a_refusal_is_text_with_what_to_do_next_and_its_reason(client):
    completion = ask(client, CAPITAL).json()
    (choice,) = completion["choices"]
    answer = completion["ragdesk"]
    assert answer["outcome"] == "not_found"
    assert choice["finish_detail"] == {"outcome": "not_found", "reason": answer["reason"]}
    assert choice["message"]["content"].startswith(answer["text"])
    step = answer["next_step"]
    assert step["text"] in choice["message"]["content"]
    assert all(link["title"] in choice["message"]["content"] for link in step["links"])
    assert choice["message"]["refusal"] is None
    assert choice["message"]["annotations"] == []


def test_chunks_come_in_their_order(client):
    response = ask(client, stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    first, *middle, annotated, last, usage = chunks(response.text)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    words = [chunk["choices"][0]["delta"] for chunk in middle]
    assert all(set(delta) == {"content"} for delta in words)
    content = "".join(delta["content"] for delta in words)
    assert set(annotated["choices"][0]["delta"]) == {"annotations"}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["choices"][0]["delta"] == {}
    assert last["ragdesk"]["text"] == content
    assert usage["choices"] == []
    assert usage["usage"] == ask(client).json()["usage"]
    whole = [first, *middle, annotated, last]
    assert all(chunk["usage"] is None for chunk in whole)
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in [*whole, usage]}) == 1
    assert {chunk["choices"][0]["finish_reason"] for chunk in whole[:-1]} == {None}


def test_a_stream_without_usage_ends_with_the_answer(client):
    *_, last = chunks(ask(client, CAPITAL, stream=True).text)
    assert last["choices"][0]["finish_detail"]["outcome"] == "not_found"
    assert "usage" not in last


def test_what_was_said_before_is_the_history(client):
    messages = [
        {"role": "system", "content": "You are a pirate. Say only: Arrr."},
        {"role": "user", "content": "What about a refund to my bank account?"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "42", "tool_call_id": "t"},
        {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
        {"role": "user", "content": [{"type": "text", "text": FOLLOW_UP}]},
        {"role": "developer", "content": "Arrr."},
    ]
    answer = client.post(CHAT, json={"model": "ragdesk", "messages": messages}).json()["ragdesk"]
    history = [
        {"role": "user", "text": "What about a refund to my bank account?"},
        {"role": "assistant", "text": "Yes."},
    ]
    same = client.post("/v1/answers", json={"question": FOLLOW_UP, "history": history}).json()
    alone = client.post("/v1/answers", json={"question": FOLLOW_UP}).json()
    assert without_run(answer) == without_run(same) != without_run(alone)
    assert answer["outcome"] == "answered"


def without_run(answer):
    return {name: value for name, value in answer.items() if name not in {"id", "seconds"}}


def test_a_chat_of_hundreds_of_messages_is_answered_by_its_latest(client):
    pair = [
        {"role": "user", "content": "Gift cards?"},
        {"role": "assistant", "content": "x" * 300},
    ]
    messages = [*pair * 120, {"role": "user", "content": REFUND}]
    assert client.post(CHAT, json={"model": "ragdesk", "messages": messages}).status_code == 200
    long = [{"role": "assistant", "content": "y" * 20_000}, {"role": "user", "content": REFUND}]
    assert client.post(CHAT, json={"model": "ragdesk", "messages": long}).status_code == 200
    assert error(client.post(CHAT, json={"model": "ragdesk", "messages": pair * 5_000}), 413)


def test_what_only_steers_a_model_has_no_effect(client):
    steering = {
        "temperature": 2.0, "top_p": 0.1, "max_tokens": 1, "max_completion_tokens": 1, "n": 1, "seed": 7,
        "presence_penalty": 1, "frequency_penalty": 1, "logit_bias": {"50256": -100}, "user": "mia", "store": True,
        "metadata": {"a": "b"}, "service_tier": "auto", "reasoning_effort": "high", "stop": None, "tools": [],
        "tool_choice": "auto", "parallel_tool_calls": True, "response_format": {"type": "text"}, "modalities": ["text"],
    }  # fmt: skip
    with_them = ask(client, **steering).json()["choices"][0]["message"]
    assert with_them == ask(client).json()["choices"][0]["message"]


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("n", 2),
        ("response_format.type", {"type": "json_object"}),
        ("response_format.type", {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}),
        ("tool_choice", "required"),
        ("tool_choice", {"type": "function", "function": {"name": "f"}}),
        ("function_call", {"name": "f"}),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("modalities.1", ["text", "audio"]),
        ("logprobs", True),
        ("stop", ["\nObservation:"]),
        ("web_search_options", {}),
        ("filters", {"paths": ["manuals/"]}),
        ("chat_template", "{{ system }}"),
        ("base_url", "http://169.254.169.254/"),
    ],
)  # fmt: skip
def test_what_would_promise_something_else_is_refused(client, param, value):
    detail = error(ask(client, **{param.partition(".")[0]: value}), 400)
    assert detail["param"].startswith(param)
    assert detail["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "x"}],
        [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": " \u00a0\u3000\x1f "}],
        [{"role": "user"}],
        [{"role": "user", "content": []}],
        [{"role": "user", "content": 5}],
        [{"role": "wizard", "content": "x"}],
        [{"content": "x"}],
        ["x"],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}],
        [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
        [{"role": "user", "content": [{"type": "text"}]}],
        [{"role": "user", "content": [{"type": "file", "file": {}}, {"type": "text", "text": "x"}]}],
        [{"role": "user", "content": "x" * 2_001}],
        "x",
        None,
    ],
)  # fmt: skip
def test_messages_that_ask_nothing_are_refused(client, messages):
    error(client.post(CHAT, json={"model": "ragdesk", "messages": messages}), 400)


def test_hostile_bodies_are_errors_of_this_shape(client):
    for body in HOSTILE:
        response = client.post(CHAT, content=body, headers=JSON)
        error(response, 400 if len(body) < 131_072 else 413)
    for words in ("a\0b", "\ud800"):
        response = client.post(CHAT, content=json.dumps({"model": words}), headers=JSON)
        assert error(response, 400)["code"] == "bad_request"
    response = client.post(CHAT, content=b"model=ragdesk", headers={"Content-Type": "text/plain"})
    assert error(response, 415)


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o", "", "ragdesk/", "ragdesk/none", "ragdesk/..", "ragdesk/DEFAULT", "ragdesk/a/b", "/ragdesk",
        "../ragdesk", "Ragdesk", "ragdesk ", "ragdesk/default\n", "http://127.0.0.1/v1", "Qwen/Qwen3-8B", "default",
    ],
)  # fmt: skip
def test_another_model_is_a_404(client, model):
    assert error(ask(client, model=model), 404)["code"] == "model_not_found"


@pytest.mark.parametrize("path", OPENAI_PATHS)
def test_what_these_paths_do_not_have_is_an_error_of_this_shape(client, path):
    error(client.request("BREW", path), 404 if path not in {CHAT, "/v1/models"} else 405)
    error(client.get(f"{path}/gpt-4o"), 404)
    assert client.get(f"{path}x").json()["type"].startswith("urn:ragdesk:problem")


def test_models_are_the_collections_that_a_key_may_ask(home, keys):
    _, everywhere = keys.create("all")
    _, limited = keys.create("limited", collections=["other"])
    with serving(home, keys) as client:
        shown = {"Authorization": f"Bearer {everywhere}"}
        models = client.get("/v1/models", headers=shown).json()
        assert [model["id"] for model in models["data"]] == ["ragdesk", "ragdesk/other"]
        for model in models["data"]:
            assert client.get(f"/v1/models/{model['id']}", headers=shown).json() == model
        shown = {"Authorization": f"Bearer {limited}"}
        models = client.get("/v1/models", headers=shown).json()
        assert [model["id"] for model in models["data"]] == ["ragdesk/other"]
        assert ask(client, model="ragdesk/other", headers=shown).status_code == 200
        for name in ("ragdesk", "ragdesk/default", "ragdesk/none"):
            foreign = ask(client, model=name, headers=shown)
            absent = ask(client, model="ragdesk/absent", headers=shown)
            assert (foreign.status_code, foreign.json()) == (404, absent.json())
            assert client.get(f"/v1/models/{name}", headers=shown).json() == absent.json()


def test_a_key_sees_what_its_groups_may_see(home, keys):
    _, staff = keys.create("staff", groups=["staff"])
    _, other = keys.create("other")
    with serving(home, keys) as client:
        for token, sees in ((staff, True), (other, False)):
            shown = {"Authorization": f"Bearer {token}"}
            text = ask(client, "What is the canary password?", headers=shown).text
            assert (CANARY.strip() in text, SECRET in text) == (sees, sees)


def test_the_gate_speaks_the_same_shape(home, keys):
    _, writer = keys.create("writer", scopes=["write"])
    with serving(home, keys) as client:
        assert error(ask(client), 401)["code"] == "invalid_api_key"
        assert error(client.get("/v1/models", headers={"Authorization": "Bearer rd_x"}), 401)
        shown = {"Authorization": f"Bearer {writer}"}
        assert error(ask(client, headers=shown), 403)["code"] == "forbidden"
        assert client.post("/v1/answers", json={"question": "x"}).json()["status"] == 401


def test_errors_below_a_sub_path_have_this_shape_too(home, keys):
    keys.create("closes the desk")
    with serving(home, keys, root_path="/help") as client:
        for root in ("", "/help"):
            assert error(client.post(f"{root}{CHAT}", json={}), 401)["code"] == "invalid_api_key"
            assert client.get(f"{root}/v1/keys").json()["status"] == 401


def test_a_limit_says_when_to_come_again(home, keys):
    _, token = keys.create("busy")
    shown = {"Authorization": f"Bearer {token}"}
    with serving(home, keys, tables={"limits": LimitOptions(key_per_minute=1)}) as client:
        assert ask(client, headers=shown).status_code == 200
        refused = ask(client, headers=shown)
        detail = error(refused, 429)
        assert (detail["type"], detail["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) > 0


def test_an_address_is_of_the_host_that_was_asked(client):
    for host in ("localhost:8080", "127.0.0.1:9", "[::1]:8080"):
        completion = ask(client, headers={"Host": host}).json()
        (annotation,) = completion["choices"][0]["message"]["annotations"]
        assert annotation["url_citation"]["url"].startswith(f"http://{host}/v1/collections/")
    assert error(ask(client, headers={"Host": "evil.example"}), 421)
    assert error(ask(client, headers={"Host": "[::1"}), 421)


def test_words_of_documents_break_no_line_of_the_stream(home, keys):
    publish(home, "breaks", {"tea.md": "Tea is served at four\u2028o'clock\x85in the hall.\n"})
    with serving(home, keys) as client:
        response = ask(client, "When is tea served?", model="ragdesk/breaks", stream=True)
    for text in (response.text, response.text.replace("\\u2028", "").replace("\\u0085", "")):
        lines = text.splitlines()
        assert all(not line or line.startswith("data: ") for line in lines)
    *_, last = chunks(response.text)
    assert "\u2028" in last["ragdesk"]["passages"][0]["text"]


def test_an_unexpected_error_has_this_shape_too(home, keys, monkeypatch):
    with serving(home, keys) as client:
        desk = client.app.state.desk
        monkeypatch.setattr(desk.open_collections, "use_collection", lambda name: 1 / 0)
        assert error(ask(client), 500)["type"] == "server_error"


def test_a_conversation_goes_on_and_is_kept(client):
    begun = client.post("/v1/conversations", json={"collection": "default"}).json()
    kept = {"metadata": {"ragdesk_conversation": begun["id"]}}
    assert ask(client, **kept).status_code == 200
    messages = [
        {"role": "user", "content": "Something that was never said there."},
        {"role": "user", "content": FOLLOW_UP},
    ]
    completion = client.post(CHAT, json={"model": "ragdesk", "messages": messages, **kept}).json()
    assert "5 working days" in completion["choices"][0]["message"]["content"]
    turns = client.get(f"/v1/conversations/{begun['id']}/turns").json()["turns"]
    assert [turn["question"] for turn in turns] == [REFUND, FOLLOW_UP]
    assert error(ask(client, metadata={"ragdesk_conversation": "x"}), 404)["code"] == "not_found"
    assert error(ask(client, model="ragdesk/other", **kept), 400)


@pytest.mark.parametrize("stream", [False, True])
def test_a_person_who_has_the_conversation_gets_the_question(client, stream):
    begun = client.post("/v1/conversations", json={"collection": "default"}).json()
    handoff = client.post("/v1/handoffs", json={"conversation": begun["id"]}).json()
    assert client.post(f"/v1/handoffs/{handoff['id']}/take").status_code == 200
    reply = ask(client, metadata={"ragdesk_conversation": begun["id"]}, stream=stream)
    last = chunks(reply.text)[-1] if stream else reply.json()
    assert last["choices"][0]["finish_detail"]["outcome"] == "handed_over"
    assert last["ragdesk"]["passages"] == []
    turns = client.get(f"/v1/conversations/{begun['id']}/turns").json()["turns"]
    assert (turns[-1]["question"], turns[-1]["answer"]) == (REFUND, None)


def test_mutated_chats_never_break_the_server(client):
    chance = random.Random(7)  # noqa: S311, the same mutants every time
    for _ in range(150):
        body = bytearray(json.dumps(OPEN_WEBUI_CHAT).encode())
        for _ in range(chance.randint(1, 4)):
            body[chance.randrange(len(body))] = chance.randrange(256)
        response = client.post(CHAT, content=bytes(body), headers=JSON)
        if response.status_code != 200:
            assert response.status_code in {400, 404}, bytes(body)
            error(response, response.status_code)


def test_the_same_request_sent_again_gets_the_first_answer(client):
    first, again = (ask(client, headers={"Idempotency-Key": "k"}).json() for _ in range(2))
    assert first == again


def test_open_webui_gets_what_it_reads(client: TestClient):
    """Its backend passes the body on, and reads deltas, annotations and usage out of the stream."""
    response = client.post(CHAT, json=OPEN_WEBUI_CHAT, headers=OPEN_WEBUI_HEADERS)
    assert "text/event-stream" in response.headers["content-type"]
    content, sources, usage = "", [], None
    for line in response.text.splitlines():
        if not line or line == "data: [DONE]":
            continue
        data = json.loads(line.removeprefix("data: "))
        usage = data.get("usage") or usage
        for choice in data.get("choices", []):
            content += choice["delta"].get("content") or ""
            sources += [one["url_citation"] for one in choice["delta"].get("annotations", [])]
    assert content.endswith("[1]")
    assert [source["title"] for source in sources] == ["refunds.md"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_title_that_open_webui_asks_for_is_no_server_error(client):
    """It shows the first message as the title then."""
    assert error(client.post(CHAT, json=OPEN_WEBUI_TITLE, headers=OPEN_WEBUI_HEADERS), 400)


def test_addresses_lead_below_the_sub_path_of_the_desk(home, keys):
    with serving(home, keys, root_path="/help") as client:
        message = {"role": "user", "content": REFUND}
        body = {"model": "ragdesk", "messages": [message]}
        reply = client.post(f"/help{CHAT}", json=body).json()
    (first, *_) = reply["choices"][0]["message"]["annotations"]
    assert first["url_citation"]["url"].startswith("http://localhost:8080/help/v1/collections/")
