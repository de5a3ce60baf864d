import json
import time

import pytest
from web_home import CANARY, SECRET, publish, serving

from ragdesk.support.access import Principal
from ragdesk.support.conversations.conversation import ConversationTurn, make_row_id
from ragdesk.support.sign_in.identity import Identity

QUESTION = "When does a refund reach my account?"


def begin(client, **fields) -> str:
    made = client.post("/v1/conversations", json=fields)
    assert made.status_code == 201
    return str(made.json()["id"])


def ask(client, conversation: str, question: str = QUESTION, **more):
    body = {"question": question, "conversation": conversation, **more}
    return client.post("/v1/answers", json=body)


def turns(client, conversation: str, **params) -> list[dict]:
    body = client.get(f"/v1/conversations/{conversation}/turns", params=params).json()
    return list(body["turns"])


@pytest.fixture
def staff(keys):
    """Make headers of two keys and an agent's, all of them of the house."""
    made = {
        "ann": keys.create("ann", groups={"staff"}),
        "bob": keys.create("bob"),
        "agent": keys.create("agent", scopes={"ask", "agent"}),
        "elsewhere": keys.create("elsewhere", collections={"other"}),
    }
    return {name: {"Authorization": f"Bearer {token}"} for name, (_, token) in made.items()}


def test_a_turn_is_kept_as_it_was_served_whether_streamed_or_not(client):
    talk = begin(client)
    answer = ask(client, talk).json()
    events = ask(client, talk, "退款多久到账？", stream=True).text
    done = json.loads(events.split("event: done\ndata: ")[1].split("\n")[0])

    first, second = turns(client, talk)
    assert [t["id"] for t in (first, second)] == [answer["id"], done["id"]]
    assert first["answer"]["text"] == answer["text"]
    for served, kept in zip(answer["citations"], first["answer"]["citations"], strict=True):
        assert {name: kept[name] for name in served} == served
        context = kept["context"]
        start = served["start"] - context["start"]
        assert context["text"][start : start + len(served["quote"])] == served["quote"]
        assert (kept["status"], kept["is_kept"]) == ("current", True)
        assert len(kept["digest"]) == 64
    assert first["answer"]["sources"][0]["uri"] == answer["passages"][0]["uri"]
    assert "passages" not in first["answer"]
    assert client.get(f"/v1/conversations/{talk}").json()["title"] == QUESTION


def test_a_follow_up_is_understood_by_what_is_kept(client):
    talk = begin(client)
    ask(client, talk)
    alone = client.post("/v1/answers", json={"question": "And gift cards?"}).json()
    history = [
        {"role": "user", "text": QUESTION},
        {"role": "assistant", "text": turns(client, talk)[0]["answer"]["text"]},
    ]
    sent = {"question": "And gift cards?", "history": history}
    expected = client.post("/v1/answers", json=sent).json()
    followed = ask(client, talk, "And gift cards?").json()
    assert followed["text"] == expected["text"]
    assert followed["passages"] == expected["passages"]
    assert alone["id"] != followed["id"]


def test_what_does_not_fit_is_refused(client):
    talk = begin(client)
    assert ask(client, "0" * 32).status_code == 404
    history = [{"role": "user", "text": "x"}]
    assert ask(client, talk, history=history).status_code == 422
    assert ask(client, talk, collection="other").status_code == 422
    assert ask(client, talk, collection="default").status_code == 200
    other = begin(client, collection="other")
    assert ask(client, other, "What colour is the marmalade?").json()["collection"] == "other"


def test_a_retried_question_makes_one_turn(client):
    talk = begin(client)
    sent = {"question": QUESTION, "conversation": talk}
    for _ in range(2):
        client.post("/v1/answers", json=sent, headers={"Idempotency-Key": "a"})
    assert len(turns(client, talk)) == 1


def test_conversations_are_listed_found_renamed_and_deleted(client):
    names = [begin(client, title=f"No. {n}") for n in range(3)]
    ask(client, names[1])
    first = client.get("/v1/conversations", params={"limit": 2}).json()
    rest = client.get("/v1/conversations", params={"limit": 2, "cursor": first["next"]}).json()
    listed = [c["id"] for c in (*first["conversations"], *rest["conversations"])]
    assert sorted(listed) == sorted(names)
    assert rest["next"] is None
    assert client.get("/v1/conversations", params={"cursor": "x"}).status_code == 400

    found = client.get("/v1/conversations", params={"query": "refunds account"}).json()
    assert [c["id"] for c in found["conversations"]] == [names[1]]
    where = f"/v1/conversations/{names[1]}"
    assert client.patch(where, json={"title": " Money back "}).json()["title"] == "Money back"
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == client.delete(where).status_code == 404
    assert ask(client, names[1]).status_code == 404


def test_a_conversation_is_its_owners_alone(client, staff):
    ann, bob = staff["ann"], staff["bob"]
    client.headers.update(ann)
    talk = begin(client)
    answer = ask(client, talk).json()
    client.headers.update(bob)
    where = f"/v1/conversations/{talk}"
    foreign = [
        client.get(where),
        client.get(f"{where}/turns"),
        client.patch(where, json={"title": "mine"}),
        client.delete(where),
        client.post(f"{where}/share"),
        ask(client, talk),
        client.post("/v1/feedback", json={"answer": answer["id"], "verdict": "up"}),
        client.get("/v1/conversations/none"),
    ]
    assert {reply.status_code for reply in foreign} == {404}
    assert client.get("/v1/conversations").json()["conversations"] == []
    assert client.get("/v1/conversations", params={"view": "handed_over"}).status_code == 403


def test_agents_open_what_was_handed_over_and_search_its_questions(client, staff):
    client.headers.update(staff["ann"])
    talk, kept = begin(client), begin(client)
    ask(client, talk, "What is the password of the cellar?")
    ask(client, kept)
    assert len(turns(client, talk)) == 1  # behind the answer, which this waits for
    client.app.state.desk.conversations.set_state(talk, "waiting")
    client.app.state.desk.conversations.append_turn(
        ConversationTurn(
            id=make_row_id(),
            conversation=talk,
            collection="default",
            author="note",
            answer={"text": "Careful."},
        )
    )
    assert [t["author"] for t in turns(client, talk)] == ["customer"]

    client.headers.update(staff["agent"])

    def find(query: str) -> list[str]:
        params = {"view": "handed_over", "query": query}
        listed = client.get("/v1/conversations", params=params).json()["conversations"]
        return [c["id"] for c in listed]

    assert find("") == find("password") == [talk]
    assert find("xylophone") == []
    shown = turns(client, talk)
    assert [t["hidden"] for t in shown] == [True, False]  # it quotes what staff alone may see
    assert CANARY[:20] not in json.dumps(shown)
    assert client.get(f"/v1/conversations/{kept}").status_code == 404
    assert client.delete(f"/v1/conversations/{talk}").status_code == 404


def test_groups_of_today_decide_what_is_shown(client, staff, home):
    client.headers.update(staff["ann"])
    talk = begin(client)
    assert "xylophone" in ask(client, talk, "What is the password of the cellar?").json()["text"]
    assert "xylophone" in json.dumps(turns(client, talk))

    publish(home, "default", {SECRET: CANARY}, secrets=frozenset({"directors"}))
    wait_for(lambda: turns(client, talk)[0]["hidden"])
    assert "xylophone" not in json.dumps(turns(client, talk))
    asked = ask(client, talk, "Why?").json()
    assert "xylophone" not in json.dumps(asked)


def test_what_is_gone_is_shown_from_what_was_kept(client, home):
    talk = begin(client)
    answer = ask(client, talk).json()
    state = client.app.state.desk
    state.remove_collection("default")
    kept = turns(client, talk)[0]["answer"]
    assert kept["text"] == answer["text"]
    assert kept["generation_kept"] is False
    assert {c["status"] for c in kept["citations"]} == {"gone"}
    assert answer["citations"][0]["quote"] in kept["citations"][0]["context"]["text"]


def test_a_shared_conversation_opens_to_the_house(client, staff):
    client.headers.update(staff["ann"])
    talk = begin(client)
    ask(client, talk)
    ask(client, talk, "What is the password of the cellar?")
    token = client.post(f"/v1/conversations/{talk}/share").json()["token"]
    client.headers.update(staff["bob"])
    shared = client.get(f"/v1/shared/{token}").json()
    assert [t["hidden"] for t in shared["turns"]] == [False, True]
    assert shared["conversation"]["own"] is False
    client.headers.update(staff["elsewhere"])
    assert client.get(f"/v1/shared/{token}").status_code == 404
    client.headers.update(staff["ann"])
    client.delete(f"/v1/conversations/{talk}/share")
    client.headers.update(staff["bob"])
    assert client.get(f"/v1/shared/{token}").status_code == 404
    assert client.get("/v1/shared/x").status_code == 404


def test_feedback_is_one_a_person_and_answer(client):
    talk = begin(client)
    answer = ask(client, talk).json()["id"]
    said = {"answer": answer, "verdict": "down", "reasons": ["wrong", "wrong"], "comment": "No."}
    assert client.post("/v1/feedback", json=said).json()["reasons"] == ["wrong"]
    client.post("/v1/feedback", json={"answer": answer, "verdict": "up"})
    feedback = turns(client, talk)[0]["feedback"]
    assert (feedback["verdict"], feedback["reasons"], feedback["comment"]) == ("up", [], None)
    for wrong in (
        {"answer": answer, "verdict": "sideways"},
        {"answer": answer, "verdict": "up", "reasons": ["bad"]},
    ):
        assert client.post("/v1/feedback", json=wrong).status_code == 422
    unknown = client.post("/v1/feedback", json={"answer": "x", "verdict": "up"})
    assert unknown.status_code == 404


def test_personal_data_is_taken_out_before_anything_is_kept(client):
    talk = begin(client, title="ann@mail.example")
    ask(client, talk, "My mail is ann@mail.example: when does a refund reach my account?")
    answer = turns(client, talk)[0]["id"]
    comment = "Write to ann@mail.example"
    client.post("/v1/feedback", json={"answer": answer, "verdict": "down", "comment": comment})
    shown = json.dumps([turns(client, talk), client.get("/v1/conversations").json()])
    assert "ann@mail" not in shown
    assert shown.count("[e-mail]") >= 3


def test_a_store_that_fails_breaks_no_answer_and_is_counted(client, monkeypatch, caplog):
    talk = begin(client)
    store = client.app.state.desk.conversations
    monkeypatch.setattr(store, "append_turn", lambda _turn: 1 / 0)
    assert ask(client, talk).json()["outcome"] == "answered"
    assert turns(client, talk) == []
    assert 'ragdesk_turns_total{result="failed"} 1.0' in client.get("/metrics").text
    assert "refund" not in caplog.text


def test_a_server_that_stops_keeps_what_it_answered(home, keys):
    with serving(home, keys) as client:
        talk = begin(client)
        answers = [ask(client, talk).json()["id"] for _ in range(3)]
    with serving(home, keys) as client:
        assert [t["id"] for t in turns(client, talk)] == answers
        assert [t["number"] for t in turns(client, talk, after=1, limit=1)] == [2]


def test_who_is_not_of_the_house_opens_no_shared_conversation(client, staff, monkeypatch):
    client.headers.update(staff["ann"])
    talk = begin(client)
    token = client.post(f"/v1/conversations/{talk}/share").json()["token"]
    visitor = Principal(
        name="v", scopes=frozenset({"ask"}), groups=frozenset(), kind="visitor", person="visitor:1"
    )
    gate = type(client.app.state.gate)
    monkeypatch.setattr(gate, "authenticate", lambda *_: Identity(who=visitor, label="v"))
    assert client.get(f"/v1/shared/{token}").status_code == 404
    own = begin(client)
    assert client.post(f"/v1/conversations/{own}/share").status_code == 404


def wait_for(condition, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
