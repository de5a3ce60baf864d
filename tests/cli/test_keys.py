import json

import pytest
from click.testing import CliRunner

from ragdesk.cli.main import cli


def run(home, *words: str):
    return CliRunner().invoke(cli, ["--home", str(home), "keys", *words])


def test_a_role_is_its_scopes_and_a_publishable_key_may_be_shown_again(tmp_path):
    agent = json.loads(run(tmp_path, "create", "Mia", "--role", "agent", "--json").stdout)
    assert (agent["role"], agent["scopes"]) == ("agent", ["agent", "ask"])
    asker = json.loads(run(tmp_path, "create", "page", "--json").stdout)
    assert (asker["role"], asker["scopes"]) == ("asker", ["ask"])

    words = ["--publishable", "--origins", "https://Shop.example/", "--daily-answers", "9"]
    shop = json.loads(run(tmp_path, "create", "shop", *words, "--json").stdout)
    assert shop["key"].startswith("rdp_")
    assert (shop["origins"], shop["collections"]) == (["https://shop.example"], ["default"])
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    assert listed["publishable"] == [shop]
    assert "key" not in listed["keys"][0]
    assert "visitors" in run(tmp_path, "list").stdout

    for made in (agent, shop):
        revoked = json.loads(run(tmp_path, "revoke", made["id"], "--json").stdout)
        assert revoked["state"] == "revoked"
    assert run(tmp_path, "revoke", "none").exit_code != 0


@pytest.mark.parametrize(
    "words",
    [
        ["--role", "agent", "--scope", "ask"],
        ["--publishable"],
        ["--publishable", "--origins", "https://a.example", "--scope", "admin"],
        ["--publishable", "--origins", "https://a.example", "--groups", "staff"],
        ["--publishable", "--origins", "http://a.example"],
        ["--origins", "https://a.example"],
    ],
)
def test_a_key_that_says_two_things_is_not_made(tmp_path, words):
    assert run(tmp_path, "create", "x", *words).exit_code != 0
    assert json.loads(run(tmp_path, "list", "--json").stdout) == {"keys": [], "publishable": []}
