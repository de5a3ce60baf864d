from web_home import serving

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
        entries = client.get("/v1/audit").json()["entries"]
        noted = [(e["action"], e["target"]) for e in entries if e["action"].startswith("person.")]
        assert noted == [
            ("person.export", f"key:{ann.id}"),
            ("person.erase", f"key:{ann.id}"),
            ("person.export", f"key:{ann.id}"),
        ]
