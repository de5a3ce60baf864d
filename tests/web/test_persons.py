from web_home import serving

from ragdesk.support.sign_in.audit_log import list_audit

QUESTION = {"question": "When does a refund reach my account?"}


def test_administrators_export_and_erase_what_is_kept_of_a_person(home, keys):
    ann, token = keys.create("ann")
    _, admin = keys.create("admin", scopes={"admin"})
    with serving(home, keys) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        talk = client.post("/v1/conversations", json={}).json()["id"]
        client.post("/v1/answers", json={**QUESTION, "conversation": talk})
        where = f"/v1/persons/key:{ann.id}/data"
        assert client.get(where).status_code == client.delete(where).status_code == 403

        client.headers["Authorization"] = f"Bearer {admin}"
        kept = client.get(where).json()
        assert kept["conversations"][0]["turns"][0]["question"] == QUESTION["question"]
        erased = client.delete(where).json()["erased"]
        assert erased.pop("conversations") == 1
        assert set(erased.values()) == {0}
        assert client.get(where).json()["conversations"] == []


def test_an_administrator_of_some_collections_reads_and_erases_nobody(home, keys):
    ann, token = keys.create("ann")
    _, limited = keys.create("limited", scopes={"admin"}, collections=["other"])
    with serving(home, keys) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        talk = client.post("/v1/conversations", json={}).json()["id"]
        where = f"/v1/persons/key:{ann.id}/data"
        client.headers["Authorization"] = f"Bearer {limited}"
        assert client.get(where).status_code == client.delete(where).status_code == 403
        assert client.get("/metrics").status_code == 403  # of the whole server
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get(f"/v1/conversations/{talk}").status_code == 200


def test_what_is_done_with_persons_conversations_and_entries_is_written_down(home, keys):
    boss, admin = keys.create("admin", scopes={"admin"})
    with serving(home, keys) as client:
        client.headers["Authorization"] = f"Bearer {admin}"
        talk = client.post("/v1/conversations", json={}).json()["id"]
        client.post(f"/v1/conversations/{talk}/share")
        entry = {"question": "When is tea?", "answer": "At four."}
        draft = client.post("/v1/drafts", json=entry).json()["id"]
        client.post(f"/v1/drafts/{draft}/reject", json={"reason": "no"})
        client.delete(f"/v1/conversations/{talk}")
        client.get("/v1/persons/key:x/data")
        client.delete("/v1/persons/key:x/data")
    noted = [(entry.who, entry.action, entry.target) for entry in list_audit(keys.database)]
    assert noted[::-1] == [
        (boss.id, "conversation.share", talk),
        (boss.id, "draft.create", draft),
        (boss.id, "draft.reject", draft),
        (boss.id, "conversation.delete", talk),
        (boss.id, "person.export", "key:x"),
        (boss.id, "person.erase", "key:x"),
    ]
