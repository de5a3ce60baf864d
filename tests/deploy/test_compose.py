"""compose.yaml: valid, without a password that everybody knows, and with settings that exist."""

import json
import re
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose

from ragdesk.settings import Settings, list_settings, load_settings

TEXT = (Path(__file__).parents[2] / "compose.yaml").read_text(encoding="utf-8")
PLAIN = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", TEXT)  # as it stands where no variable is set
COMPOSE = yaml.safe_load(PLAIN)
SERVICES = COMPOSE["services"]


def test_it_is_valid():
    read = PyCompose.from_json(json.dumps(COMPOSE))
    read.validate()
    assert set(read.service_names()) == set(SERVICES)


def test_each_secret_is_a_file_that_the_operator_writes():
    assert {one["file"] for one in COMPOSE["secrets"].values()} == {
        f"./secrets/{name}" for name in COMPOSE["secrets"]
    }
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search("password|database|key", name, re.IGNORECASE):
                assert "/run/secrets/" in value, name
            assert not re.search(r"://[^/\s]*:[^/\s]*@", str(value)), name
    assert not re.search(r"\$\{[^}]*(PASSWORD|SECRET|KEY)", TEXT)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service.get("read_only", False) or name == "model"


def test_only_the_desk_is_reached_and_from_this_machine_alone():
    assert [name for name in SERVICES if "ports" in SERVICES[name]] == ["desk"]
    assert SERVICES["desk"]["ports"] == ["127.0.0.1:8080:8080"]
    assert COMPOSE["networks"]["inside"]["internal"]
    assert {tuple(one["networks"]) for name, one in SERVICES.items() if name != "desk"} == {
        ("inside",)
    }


def test_the_desk_is_given_settings_that_exist(tmp_path):
    url = tmp_path / "database_url"
    url.write_text("postgresql+psycopg://desk:pw@database/ragdesk", encoding="utf-8")
    environ = {
        name: str(value).replace("/run/secrets/database_url", str(url))
        for name, value in SERVICES["desk"]["environment"].items()
    }
    loaded = load_settings(home=tmp_path, config=None, environ=environ)
    assert loaded.settings.generate.urls == ()
    assert loaded.settings.support.database.endswith("@database/ragdesk")
    assert loaded.settings.support.encryption_key == "file:/run/secrets/encryption_key"


def test_it_stops_later_than_the_server_drains():
    (drain,) = (r.value for r in list_settings(Settings()) if r.name == "serve.drain_seconds")
    assert (
        int(SERVICES["desk"]["stop_grace_period"].removesuffix("s")) > 2 * drain
    )  # answers, then chats


def test_the_model_is_started_as_the_readme_says():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    command = re.search(r"vllm serve [^`]*?(?=\nRAGDESK_)", readme)[0]
    for flag in SERVICES["model"]["command"]:
        name, _, value = flag.partition("=")
        if name not in {"--model", "--served-model-name"}:
            assert f"{name} {value}".strip() in command, flag
