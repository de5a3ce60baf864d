import logging

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from ragdesk.answering.answer import Outcome
from ragdesk.answering.lookup_result import LookupStatus
from ragdesk.logs import LineFormatter
from ragdesk.metrics import SECONDS_BUCKETS, ClosedFamily, Metrics
from ragdesk.outage import Outage

FAMILIES = {  # what dashboards and alerts of operators name
    "ragdesk_requests": ("counter", {"route", "method", "status"}),
    "ragdesk_request_seconds": ("histogram", {"route"}),
    "ragdesk_in_flight": ("gauge", set()),
    "ragdesk_answers": ("counter", {"outcome", "language"}),
    "ragdesk_degraded": ("counter", {"reason"}),
    "ragdesk_sentences": ("counter", {"verdict"}),
    "ragdesk_reloads": ("counter", {"result"}),
    "ragdesk_stale_collections": ("gauge", set()),
    "ragdesk_not_served": ("gauge", {"reason"}),
    "ragdesk_not_served_since_seconds": ("gauge", {"reason"}),
    "ragdesk_open_failures": ("counter", {"reason"}),
    "ragdesk_open_generations": ("gauge", set()),
    "process_open_fds": ("gauge", set()),
    "process_max_fds": ("gauge", set()),
    "ragdesk_gpu_fallbacks": ("gauge", set()),
    "ragdesk_jobs": ("counter", {"state"}),
    "ragdesk_turns": ("counter", {"result"}),
    "ragdesk_lookups": ("counter", {"result"}),
}


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Read a page of metrics: the name of a series, its labels' values by label, and its value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.format_metrics())
        for sample in family.samples
    }


def test_a_label_value_nobody_foresaw_becomes_other():
    registry = CollectorRegistry()
    family = ClosedFamily(Counter("x", "About.", ("route",), registry=registry), {"route": ("/a",)})
    family.labels(route="/a").inc()
    family.labels(route="/../../etc").inc(2)
    family.labels(route="/b").inc()

    (metric,) = registry.collect()
    totals = {s.labels["route"]: s.value for s in metric.samples if s.name == "x_total"}
    assert totals == {"/a": 1, "other": 3}


def test_a_histogram_counts_up_to_each_limit():
    metrics = Metrics(("/a",))
    for seconds in (0.03, 0.04, 99):
        metrics.seconds.labels(route="/a").observe(seconds)

    page = samples(metrics)
    bucket = "ragdesk_request_seconds_bucket"
    assert [page[bucket, str(limit), "/a"] for limit in SECONDS_BUCKETS] == [0] * 3 + [2] * 9
    assert page[bucket, "+Inf", "/a"] == page["ragdesk_request_seconds_count", "/a"] == 3
    assert page["ragdesk_request_seconds_sum", "/a"] == 99.07


def test_the_page_has_the_families_that_operators_watch_and_no_other():
    metrics = Metrics(("/v1/answers",))
    metrics.requests.labels(route="/v1/answers", method="POST", status="2xx").inc()
    metrics.seconds.labels(route="/v1/answers").observe(0.01)
    metrics.answers.labels(outcome=str(Outcome.NOT_FOUND), language="en").inc()
    for family, label in (("degraded", "reason"), ("sentences", "verdict"), ("jobs", "state")):
        getattr(metrics, family).labels(**{label: "?"}).inc()
    metrics.reloads.labels(result="ok").inc()
    metrics.turns.labels(result="kept").inc()
    metrics.record_lookup(LookupStatus.FOUND)
    metrics.open_failures.labels(reason="disk").inc()
    metrics.set_outages([Outage(code="disk")])

    families = [*text_string_to_metric_families(metrics.format_metrics())]
    assert {family.name: family.type for family in families} == {
        name: kind for name, (kind, _) in FAMILIES.items()
    }
    for family in families:
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert labels == FAMILIES[family.name][1], family.name


def test_large_counts_and_times_are_written_in_full():
    metrics = Metrics(("/a",))
    metrics.requests.labels(route="/a", method="GET", status="2xx").inc(1_234_567)
    outage = Outage(code="disk")
    metrics.set_outages([outage])

    page = samples(metrics)
    assert page["ragdesk_requests_total", "GET", "/a", "2xx"] == 1_234_567
    assert page["ragdesk_not_served_since_seconds", "disk"] == int(outage.since.timestamp())


def test_an_outage_that_is_over_is_shown_as_none():
    metrics = Metrics()
    assert ("ragdesk_not_served", "disk") not in samples(metrics)
    metrics.set_outages([Outage(code="disk")])
    metrics.set_outages([])

    page = samples(metrics)
    assert page["ragdesk_not_served", "disk"] == page["ragdesk_stale_collections",] == 0
    assert page["ragdesk_not_served_since_seconds", "disk"] == 0
    assert ("ragdesk_not_served", "memory") not in page


def test_two_apps_of_one_process_count_apart():
    metrics, other = Metrics(), Metrics()
    metrics.generations.inc()
    assert samples(metrics)["ragdesk_open_generations",] == 1
    assert samples(other)["ragdesk_open_generations",] == 0


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "ragdesk", "levelname": "INFO", "msg": message})
    vars(made).update(extra)
    return made


def test_a_key_is_struck_out_of_every_line():
    token = "rd_" + "x" * 43
    for as_json in (True, False):
        line = LineFormatter(as_json=as_json).format(
            record(f"asked with {token}", header=f"Bearer {token}")
        )
        assert token not in line
        assert "rd_…" in line


def test_a_line_stays_one_line():
    assert "\n" not in LineFormatter(as_json=True).format(record("a\nb", who="x\ny"))
