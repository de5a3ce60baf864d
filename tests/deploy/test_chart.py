"""The chart, rendered and linted by Helm's own engine, held against the schemas of Kubernetes."""

import importlib
import json
import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from ragdesk import __version__
from ragdesk.settings import load_settings

CHART = Path(__file__).parents[2] / "ragdesk" / "deploy" / "chart"
LEAST = {"image": {"repository": "registry.example/ragdesk"}, "secret": {"name": "desk"}}
MOST = {
    **LEAST,
    "replicas": 2,
    "home": {"accessMode": "ReadWriteMany"},
    "settings": '[page]\nname = "Desk"\n',
    "environment": {"RAGDESK_CONTACT__PHONE": "+44 20 7946 0000"},
    "trustedProxies": ["10.0.0.0/8"],
    "ingress": {"enabled": True, "host": "desk.example", "tlsSecret": "tls"},
    "serviceMonitor": {"enabled": True, "keySecret": {"name": "metrics"}},
    "ingest": {"schedule": "*/30 * * * *", "existingClaim": "documents"},
    "model": {"enabled": True, "replicas": 2, "existingClaim": "models", "folder": "Qwen3-8B"},
}
FIRST_SERVED, KINDS_OF_OTHERS = "1.27.0", {"ServiceMonitor"}


def test_chart_wheel_and_compose_are_of_this_release():
    facts = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert facts["version"] == facts["appVersion"] == __version__
    root = CHART.parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
    assert f"ragdesk:{__version__}}}" in (root / "compose.yaml").read_text(encoding="utf-8")


def test_every_value_stands_in_the_schema_and_no_other():
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    def compare(values, schema, place):
        known = schema.get("properties")
        if known is None or not isinstance(values, dict):
            return
        assert set(values) == set(known) - {"global"}, place
        assert schema["additionalProperties"] is False, place
        for name, value in values.items():
            compare(value, known[name], f"{place}.{name}")

    compare(values, schema, "values")


def open_library(name):
    """Import a library of make test-real; where CI lacks it, that is a failure."""
    if os.environ.get("CI") == "true":
        return importlib.import_module(name)
    return pytest.importorskip(name)


def render(values):
    helm = open_library("helm_python")
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name="desk", namespace="support")
    return {
        (one["kind"], one["metadata"]["name"]): one
        for name, text in files.items()
        if name.endswith(".yaml")
        for one in yaml.safe_load_all(text)
        if one
    }


@pytest.mark.real
@pytest.mark.parametrize("values", [LEAST, MOST], ids=["least", "most"])
def test_helm_lints_it_and_kubernetes_knows_every_field(values):
    helm = open_library("helm_python")
    schemas = open_library("kubernetes_validate")
    report = helm.lint(CHART, values, strict=True)
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []
    resources = render(values)
    assert len(resources) == (6 if values is LEAST else 12)
    for kind, name in resources:
        if kind not in KINDS_OF_OTHERS:
            for version in (FIRST_SERVED, schemas.latest_version()):
                schemas.validate(resources[kind, name], version, strict=True)


@pytest.mark.real
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": {}}, "/image/repository"),
        ({"secret": {}}, "/secret/name"),
        ({"replicas": 2}, "ReadWriteMany"),
        ({"replicas": 2, "database": {"enabled": False}}, "database.enabled"),
        ({"ingress": {"enabled": True, "host": "desk.example"}}, "tlsSecret"),
        ({"model": {"enabled": True}}, "model"),
        ({"replcas": 2}, "'replcas' not allowed"),
    ],
)
def test_what_cannot_work_is_refused(change, message):
    helm = open_library("helm_python")
    with pytest.raises(helm.HelmError, match=message):
        render({**LEAST, **change})


@pytest.mark.real
def test_the_desk_has_no_rights_and_stops_later_than_it_drains():
    resources = render(MOST)
    pod = resources["Deployment", "desk-ragdesk"]["spec"]["template"]["spec"]
    job = resources["CronJob", "desk-ragdesk-ingest"]["spec"]["jobTemplate"]["spec"]["template"]
    for one in (pod, job["spec"]):
        assert one["securityContext"]["runAsNonRoot"]
        assert one["automountServiceAccountToken"] is False
        for container in [*one["containers"], *one.get("initContainers", [])]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
    (desk,) = pod["containers"]
    waits = int(desk["lifecycle"]["preStop"]["exec"]["command"][1])
    environment = {one["name"]: one["value"] for one in desk["env"]}
    drains = int(environment["RAGDESK_SERVE__DRAIN_SECONDS"])
    assert pod["terminationGracePeriodSeconds"] > waits + 2 * drains
    assert {desk[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness")} == {
        "/healthz"
    }
    assert desk["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.real
def test_the_desk_is_given_settings_that_exist(tmp_path):
    resources = render(MOST)
    (desk,) = resources["Deployment", "desk-ragdesk"]["spec"]["template"]["spec"]["containers"]
    url, file = tmp_path / "database_url", tmp_path / "ragdesk.toml"
    url.write_text("postgresql+psycopg://desk:pw@db/ragdesk", encoding="utf-8")
    file.write_text(resources["ConfigMap", "desk-ragdesk"]["data"]["ragdesk.toml"], "utf-8")
    environ = {
        one["name"]: one["value"].replace("/run/secrets/ragdesk/database_url", str(url))
        for one in desk["env"]
    }
    settings = load_settings(home=tmp_path, config=file, environ=environ).settings
    name = "desk-ragdesk-model"
    assert settings.generate.urls == tuple(f"http://{name}-{n}.{name}:8000/v1" for n in (0, 1))
    assert ("Service", name) in resources
    assert (settings.page.name, settings.serve.drain_seconds) == ("Desk", 30)
    assert tomllib.loads(file.read_text(encoding="utf-8")) == {"page": {"name": "Desk"}}


@pytest.mark.real
def test_every_selector_finds_the_pods_it_means():
    resources = render(MOST)
    labels = {
        component: resources[kind, name]["spec"]["template"]["metadata"]["labels"]
        for kind, name, component in (
            ("Deployment", "desk-ragdesk", "desk"),
            ("StatefulSet", "desk-ragdesk-model", "model"),
        )
    }
    for (kind, name), one in resources.items():
        if kind in {"Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment"}:
            selector = one["spec"].get("podSelector") or one["spec"].get("selector")
            wanted = selector.get("matchLabels", selector)
            component = "model" if name.endswith("-model") else "desk"
            found = [key for key, has in labels.items() if wanted.items() <= has.items()]
            assert found == [component], (kind, name)


def test_no_template_holds_a_password():
    for file in CHART.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"(?i)(password|api[-_]?key):\s*['\"]?\w", text), file
        assert "kind: Secret\n" not in text, f"{file}: secrets are the operator's"
