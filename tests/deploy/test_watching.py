"""Dashboard and alarms ask for what exists: each metric, label and label's value of each expression."""

import json
import re
from pathlib import Path

import pytest
import yaml

from ragdesk.metrics import ClosedFamily, Metrics
from ragdesk.web.api import ROUTES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "ragdesk" / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
# As vLLM 0.32 shows them at /metrics: the sample's name, and its labels beside engine and model.
VLLM_SAMPLES = {
    "vllm:num_requests_running": set(), "vllm:num_requests_waiting": set(),
    "vllm:time_to_first_token_seconds_bucket": {"le"}, "vllm:prefix_cache_hits_total": set(),
    "vllm:prefix_cache_queries_total": set(), "vllm:generation_tokens_total": set(),
    "vllm:kv_cache_usage_perc": set(),
}  # fmt: skip
OF_PROMETHEUS = {"up": set(), "ALERTS": {"alertname", "alertstate"}}
SCRAPED = {"job", "instance"}  # labels that Prometheus adds
SELECTOR = re.compile(r"([A-Za-z_:][\w:]*)\{([^}]*)\}|\b((?:ragdesk_|process_|vllm:)[\w:]+)")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"([^\"]*)\"")
GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)")


def list_samples() -> dict[str, dict[str, frozenset[str] | None]]:
    """List the samples that the server shows: their labels, and the values of each that is closed."""
    metrics = Metrics(ROUTES)
    closed = {
        one._family._name: one._allowed
        for one in vars(metrics).values()
        if isinstance(one, ClosedFamily)
    }
    samples: dict[str, dict[str, frozenset[str] | None]] = {}
    for family in metrics.registry.collect():
        labels = dict(closed.get(family.name, {}))
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        for end in ends.get(family.type, ("",)):
            more = {"le": None} if end == "_bucket" else {}
            samples[family.name + end] = {**labels, **more}
    return samples


SAMPLES = list_samples()


def list_expressions() -> list[tuple[str, str]]:
    rules = [
        (rule["alert"], rule["expr"])
        for group in yaml.safe_load((DEPLOY / "alarms.yaml").read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    panels = [
        (panel["title"], target["expr"])
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]
    marks = [(note["name"], note["expr"]) for note in DASHBOARD["annotations"]["list"]]
    asked = [
        (one["name"], found[1])
        for one in DASHBOARD["templating"]["list"]
        if (found := re.fullmatch(r"label_values\((.*), \w+\)", str(one.get("definition"))))
    ]
    return [*rules, *panels, *marks, *asked]


EXPRESSIONS = list_expressions()


def check_expression(expression: str) -> set[str]:
    """Check an expression; returns the metrics that it names. Fails for what does not exist."""
    plain = re.sub(r"\"[^\"]*\"", '""', expression)
    for opening, closing in ("()", "{}", "[]"):
        assert plain.count(opening) == plain.count(closing), expression
    labels, names = set(SCRAPED), set()
    for selected, matchers, bare in SELECTOR.findall(expression):
        name = selected or bare
        known = SAMPLES.get(name)
        if known is None:
            others = {**VLLM_SAMPLES, **OF_PROMETHEUS}
            assert name in others, f"there is no {name}"
            known = dict.fromkeys(others[name])
        names.add(name)
        labels |= set(known)
        for label, value in MATCHER.findall(matchers):
            assert label in {*known, *SCRAPED}, f"{name} has no label {label}"
            values = known.get(label)
            for one in value.split("|") if values and "$" not in value else ():
                assert one in values, f"{name}: {label} is never {one}"
    for listed in GROUPED.findall(expression):
        assert {one.strip() for one in listed.split(",")} <= labels, listed
    assert names, f"asks for nothing: {expression}"
    return names


@pytest.mark.parametrize(
    ("title", "expression"), EXPRESSIONS, ids=[f"{n}-{t}" for n, (t, _) in enumerate(EXPRESSIONS)]
)
def test_an_expression_asks_for_what_exists(title, expression):
    check_expression(expression)


@pytest.mark.parametrize(
    "wrong",
    [
        "rate(ragdesk_answer_total[5m])", 'ragdesk_answers_total{outcom="x"}',
        'ragdesk_answers_total{outcome="refused"}', "sum by (verdict) (ragdesk_answers_total)",
        "ragdesk_requests", "vllm:num_requests_swapped", "sum(rate(ragdesk_in_flight[5m])",
        'ragdesk_request_seconds_bucket{route="/v1/answer"}', "time()",
    ],
)  # fmt: skip
def test_an_expression_that_asks_for_something_else_is_noticed(wrong):
    with pytest.raises(AssertionError):
        check_expression(wrong)


def test_the_dashboard_shows_every_family_that_the_server_has():
    shown = set().union(*(check_expression(expression) for _, expression in EXPRESSIONS))
    for family in Metrics(ROUTES).registry.collect():
        assert any(name.startswith(family.name) for name in shown), family.name


def test_the_dashboard_names_the_alarms_as_they_are_called():
    rules = yaml.safe_load((DEPLOY / "alarms.yaml").read_text(encoding="utf-8"))["groups"]
    alarms = {rule["alert"] for group in rules for rule in group["rules"]}
    named = set(re.findall(r"Ragdesk[A-Z]\w+", json.dumps(DASHBOARD)))
    assert named <= alarms
    assert alarms - named == {"RagdeskDown"}  # a server that is gone shows nothing


def test_panels_neither_overlap_nor_share_a_number():
    places = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & places, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= cells
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
