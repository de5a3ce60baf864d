"""Numbers about the server, in the text format Prometheus reads. Label sets are closed."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ragdesk.answering.answer import Answer, ClaimVerdict, Outcome
from ragdesk.errors import ENGINE_REASONS, WORDS_OUTDATED
from ragdesk.handles import count_handles, handle_limit
from ragdesk.outage import OUTAGE_CODES, Outage

OTHER_LABEL = "other"
SECONDS_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24)
LabelValues = tuple[str, ...]


class MetricFamily:
    """A counter, gauge or histogram with labels out of closed sets.

    An unforeseen label value becomes ``other``, so that no client can make the page grow.
    """

    def __init__(self, name: str, kind: str, about: str, **labels: LabelValues) -> None:
        self.name, self.kind, self.about, self.labels = name, kind, about, labels
        self._lock = threading.Lock()
        self._values: dict[LabelValues, float] = defaultdict(float)
        self._counts: dict[LabelValues, list[int]] = defaultdict(lambda: [0] * len(SECONDS_BUCKETS))

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Count up (a gauge also down, with a negative amount)."""
        with self._lock:
            self._values[self._label_values(labels)] += amount

    def set(self, value: float, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[self._label_values(labels)] = value

    def is_set(self, **labels: str) -> bool:
        """Tell whether a gauge was set for some labels."""
        with self._lock:
            return self._label_values(labels) in self._values

    def observe(self, seconds: float, **labels: str) -> None:
        """Note a duration in a histogram."""
        place = self._label_values(labels)
        with self._lock:
            self._values[place] += seconds
            self._values[(*place, "count")] += 1
            for i, limit in enumerate(SECONDS_BUCKETS):
                self._counts[place][i] += seconds <= limit

    def _label_values(self, labels: Mapping[str, str]) -> LabelValues:
        return tuple(
            labels[name] if labels[name] in allowed else OTHER_LABEL
            for name, allowed in self.labels.items()
        )

    def format_lines(self) -> Iterator[str]:
        """Write the family: its help, its type, and a line per label set."""
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} {self.kind}"
        with self._lock:
            values, counts = dict(self._values), {k: list(v) for k, v in self._counts.items()}
        if not values and not self.labels:
            values = {(): 0.0}
        for place in sorted(place for place in values if len(place) == len(self.labels)):
            if self.kind != "histogram":
                yield f"{self.name}{self._format_labels(place)} {values[place]:g}"
                continue
            total = values[(*place, "count")]
            for limit, count in zip(SECONDS_BUCKETS, counts[place], strict=True):
                yield f"{self.name}_bucket{self._format_labels(place, f'{limit:g}')} {count}"
            yield f"{self.name}_bucket{self._format_labels(place, '+Inf')} {total:g}"
            yield f"{self.name}_sum{self._format_labels(place)} {values[place]:.6f}"
            yield f"{self.name}_count{self._format_labels(place)} {total:g}"

    def _format_labels(self, place: LabelValues, limit: str | None = None) -> str:
        pairs = [f'{name}="{value}"' for name, value in zip(self.labels, place, strict=True)]
        pairs += [] if limit is None else [f'le="{limit}"']
        return f"{{{','.join(pairs)}}}" if pairs else ""


class Metrics:
    """The families a server keeps. ``routes`` closes the set of their ``route`` label."""

    def __init__(self, routes: LabelValues = ()) -> None:
        methods = ("GET", "HEAD", "POST", "PUT", "DELETE")
        statuses = ("2xx", "3xx", "4xx", "5xx")
        languages = ("en", "zh", "und")
        states = ("queued", "running", "done", "failed")
        outcomes = tuple(str(outcome) for outcome in Outcome)
        self.requests = MetricFamily(
            "ragdesk_requests_total",
            "counter",
            "Requests answered.",
            route=routes,
            method=methods,
            status=statuses,
        )
        self.seconds = MetricFamily(
            "ragdesk_request_seconds",
            "histogram",
            "Seconds until the last byte of an answer.",
            route=routes,
        )
        self.in_flight = MetricFamily("ragdesk_in_flight", "gauge", "Requests being answered.")
        self.answers = MetricFamily(
            "ragdesk_answers_total",
            "counter",
            "Answers by outcome.",
            outcome=outcomes,
            language=languages,
        )
        self.degraded = MetricFamily(
            "ragdesk_degraded_total",
            "counter",
            "Answers a language model did not write, or not to their end, or found by vectors "
            "alone, by reason.",
            reason=(*ENGINE_REASONS, WORDS_OUTDATED),
        )
        self.sentences = MetricFamily(
            "ragdesk_sentences_total",
            "counter",
            "Sentences said, by verdict, and those left out after their check.",
            verdict=(*(str(standing) for standing in ClaimVerdict), "withheld"),
        )
        self._add_opening()
        self.fallbacks = MetricFamily("ragdesk_gpu_fallbacks", "gauge", "Segments no GPU took.")
        self.jobs = MetricFamily(
            "ragdesk_jobs_total",
            "counter",
            "Document jobs by the state they reached.",
            state=states,
        )

    def _add_opening(self) -> None:
        """Add what tells of generations that are open, or cannot be opened, and of handles."""
        self.reloads = MetricFamily(
            "ragdesk_reloads_total",
            "counter",
            "New generations looked at, by result.",
            result=("ok", "failed"),
        )
        self.stale = MetricFamily(
            "ragdesk_stale_collections",
            "gauge",
            "Collections whose newest generation cannot be served; an older one answers.",
        )
        self.outages = MetricFamily(
            "ragdesk_not_served",
            "gauge",
            "Collections whose newest generation cannot be served, by reason.",
            reason=OUTAGE_CODES,
        )
        self.outage_since = MetricFamily(
            "ragdesk_not_served_since_seconds",
            "gauge",
            "Unix time since when the longest of these lasts, by reason; 0 when there is none.",
            reason=OUTAGE_CODES,
        )
        self.open_failures = MetricFamily(
            "ragdesk_open_failures_total",
            "counter",
            "Tries to open a generation that failed, by reason.",
            reason=OUTAGE_CODES,
        )
        self.generations = MetricFamily(
            "ragdesk_open_generations",
            "gauge",
            "Generations that are open: one a collection, and those that requests still read.",
        )
        self.handles = MetricFamily("process_open_fds", "gauge", "Open file handles.")
        self.most_handles = MetricFamily(
            "process_max_fds", "gauge", "File handles it may have open."
        )

    def record_answer(self, answer: Answer) -> None:
        """Count an answer and its sentences."""
        self.answers.add(outcome=str(answer.outcome), language=answer.language)
        if answer.degraded_reason:
            self.degraded.add(reason=answer.degraded_reason.partition(":")[0])
        for claim in answer.claims:
            self.sentences.add(verdict=str(claim.verdict))
        if answer.withheld:
            self.sentences.add(answer.withheld, verdict="withheld")

    def set_outages(self, outages: Sequence[Outage]) -> None:
        """Set what says which newest generations cannot be served, and since when."""
        self.stale.set(len(outages))
        for code in OUTAGE_CODES:
            since = [outage.since.timestamp() for outage in outages if outage.code == code]
            if since or self.outages.is_set(reason=code):
                self.outages.set(len(since), reason=code)
                self.outage_since.set(int(min(since, default=0)), reason=code)

    def set_handles(self) -> None:
        """Count the open file handles of this process, and how many it may have."""
        self.handles.set(count_handles())
        self.most_handles.set(handle_limit())

    def format_metrics(self) -> str:
        """Write every family."""
        families = (family for family in vars(self).values() if isinstance(family, MetricFamily))
        return "\n".join(line for family in families for line in family.format_lines()) + "\n"
