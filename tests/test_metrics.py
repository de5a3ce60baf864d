import logging

from ragdesk.logs import LineFormatter
from ragdesk.metrics import MetricFamily, Metrics


def test_a_label_value_nobody_foresaw_becomes_other():
    family = MetricFamily("x_total", "counter", "About.", route=("/a",))
    family.add(route="/a")
    family.add(2, route="/../../etc")

    assert list(family.format_lines())[2:] == ['x_total{route="/a"} 1', 'x_total{route="other"} 2']


def test_a_histogram_counts_up_to_each_limit():
    family = MetricFamily("x_seconds", "histogram", "About.")
    family.observe(0.03)
    family.observe(99)

    lines = list(family.format_lines())
    assert 'x_seconds_bucket{le="0.02"} 0' in lines
    assert 'x_seconds_bucket{le="0.04"} 1' in lines
    assert 'x_seconds_bucket{le="+Inf"} 2' in lines
    assert "x_seconds_count 2" in lines


def test_every_line_is_prometheus_text():
    metrics = Metrics(("/v1/answers",))
    metrics.requests.add(route="/v1/answers", method="POST", status="2xx")
    metrics.seconds.observe(0.01, route="/v1/answers")
    metrics.in_flight.set(1)

    text = metrics.format_metrics()
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2
    assert 'ragdesk_requests_total{route="/v1/answers",method="POST",status="2xx"} 1' in text


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
