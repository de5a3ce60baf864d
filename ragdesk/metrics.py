"""The metrics of the server, by prometheus-client. Label sets are closed.

Every ``Metrics`` has a registry of its own: two apps of one process count apart, and nothing that
other code of the process registers is shown.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from ragdesk.answering.answer import Answer, ClaimVerdict, Outcome
from ragdesk.answering.answer_cache.answer_cache import CACHE_EVENTS
from ragdesk.answering.lookup_result import LookupStatus
from ragdesk.errors import ENGINE_REASONS, LOOKUP_UNAVAILABLE, WORDS_OUTDATED
from ragdesk.file_handles import count_handles, handle_limit
from ragdesk.outage import OUTAGE_CODES, Outage

OTHER_LABEL = "other"
SECONDS_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24)
LabelValues = tuple[str, ...]
MOST_SERIES_AT_START = 40  # of a counter; those of routes begin with their first request
_SUMMED = ("outcome", "state", "status", "result")  # labels that a sum is told apart by
Family = TypeVar("Family", bound=MetricWrapperBase)


class ClosedFamily(Generic[Family]):
    """A metric family with labels out of closed sets.

    An unforeseen label value becomes ``other``, so that no client can make the page grow.
    """

    def __init__(self, family: Family, allowed: Mapping[str, LabelValues]) -> None:
        self._family = family
        self._allowed = {name: frozenset(values) for name, values in allowed.items()}

    def labels(self, **labels: str) -> Family:
        """Return the series of some labels, to be counted up, set or observed."""
        values = [
            labels[name] if labels[name] in allowed else OTHER_LABEL
            for name, allowed in self._allowed.items()
        ]
        return self._family.labels(*values)


class CurrentValues:
    """The families of a registry without the times at which their series began (``_created``).

    The library leaves them out by a switch for the whole process, which is not ours to turn.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Yield each family with the samples it is to show."""
        for family in self._registry.collect():
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family


class Metrics:
    """The families a server keeps. ``routes`` closes the set of their ``route`` label.

    on_answer: told of every answer that is counted.
    """

    def __init__(
        self, routes: LabelValues = (), on_answer: Callable[[Answer], None] = lambda _: None
    ) -> None:
        self._on_answer = on_answer
        self.registry = CollectorRegistry()
        self._outage_codes: set[str] = set()
        self.requests = self._add_counter(
            "ragdesk_requests_total",
            "Requests answered.",
            route=routes,
            method=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
            status=("2xx", "3xx", "4xx", "5xx"),
        )
        self.seconds = self._add_histogram(
            "ragdesk_request_seconds", "Seconds until the last byte of an answer.", route=routes
        )
        self.in_flight = self._add_gauge("ragdesk_in_flight", "Requests being answered.")
        self.answers = self._add_counter(
            "ragdesk_answers_total",
            "Answers by outcome.",
            outcome=tuple(str(outcome) for outcome in Outcome),
            language=("en", "zh", "und"),
        )
        self.degraded = self._add_counter(
            "ragdesk_degraded_total",
            "Answers a language model did not write, or not to their end, or found by vectors "
            "alone, or without a live fact, by reason.",
            reason=(*ENGINE_REASONS, WORDS_OUTDATED, LOOKUP_UNAVAILABLE),
        )
        self.sentences = self._add_counter(
            "ragdesk_sentences_total",
            "Sentences said, by verdict, and those left out after their check.",
            verdict=(*(str(verdict) for verdict in ClaimVerdict), "withheld"),
        )
        self.lookups = self._add_counter(
            "ragdesk_lookups_total",
            "Live facts that questions wanted looked up, by what came of it.",
            result=tuple(str(status) for status in LookupStatus),
        )
        self.turns = self._add_counter(
            "ragdesk_turns_total",
            "Turns of conversations, by what became of them; deleted: with their conversation.",
            result=("kept", "failed", "dropped", "deleted"),
        )
        self._add_answer_cache()
        self._add_opening()
        self.fallbacks = self._add_gauge(
            "ragdesk_gpu_fallbacks", "Segments that a CPU searched, whole or for some masks."
        )
        self.jobs = self._add_counter(
            "ragdesk_jobs_total",
            "Document jobs by the state they reached.",
            state=("queued", "running", "done", "failed"),
        )

    def _add_answer_cache(self) -> None:
        """Add the families about answers that are kept to be given again."""
        self.cached = self._add_counter(
            "ragdesk_answer_cache_total",
            "Events of the answer cache: questions that found an answer, or none, or were not "
            "looked up; answers kept, and dropped.",
            result=CACHE_EVENTS,
        )
        self.cache_bytes = self._add_gauge(
            "ragdesk_answer_cache_bytes", "Memory of the answers that are kept, about."
        )
        self.cache_answers = self._add_gauge("ragdesk_answer_cache_answers", "Answers kept.")

    def _add_opening(self) -> None:
        """Add the families about opened generations, outages and file handles."""
        self.reloads = self._add_counter(
            "ragdesk_reloads_total",
            "New generations looked at, by result.",
            result=("ok", "failed"),
        )
        self.stale = self._add_gauge(
            "ragdesk_stale_collections",
            "Collections whose newest generation cannot be served; an older one answers.",
        )
        self.outages = self._add_labelled_gauge(
            "ragdesk_not_served",
            "Collections whose newest generation cannot be served, by reason.",
            reason=OUTAGE_CODES,
        )
        self.outage_since = self._add_labelled_gauge(
            "ragdesk_not_served_since_seconds",
            "Unix time since when the longest of these lasts, by reason; 0 when there is none.",
            reason=OUTAGE_CODES,
        )
        self.open_failures = self._add_counter(
            "ragdesk_open_failures_total",
            "Tries to open a generation that failed, by reason.",
            reason=OUTAGE_CODES,
        )
        self.generations = self._add_gauge(
            "ragdesk_open_generations",
            "Generations that are open: one a collection, and those that requests still read.",
        )
        handles = self._add_gauge("process_open_fds", "Open file handles.")
        handles.set_function(count_handles)
        most_handles = self._add_gauge("process_max_fds", "File handles it may have open.")
        most_handles.set_function(handle_limit)

    def _add_counter(self, name: str, about: str, **labels: LabelValues) -> ClosedFamily[Counter]:
        """Add a counter. Where its series are few, all begin at 0: a first event is an increase."""
        family = Counter(name, about, tuple(labels), registry=self.registry)
        if labels and math.prod(map(len, labels.values())) <= MOST_SERIES_AT_START:
            for values in itertools.product(*labels.values()):
                family.labels(*values)
        return ClosedFamily(family, labels)

    def _add_gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, registry=self.registry)

    def _add_labelled_gauge(
        self, name: str, about: str, **labels: LabelValues
    ) -> ClosedFamily[Gauge]:
        return ClosedFamily(Gauge(name, about, tuple(labels), registry=self.registry), labels)

    def _add_histogram(
        self, name: str, about: str, **labels: LabelValues
    ) -> ClosedFamily[Histogram]:
        family = Histogram(
            name, about, tuple(labels), registry=self.registry, buckets=SECONDS_BUCKETS
        )
        return ClosedFamily(family, labels)

    def record_lookup(self, status: LookupStatus) -> None:
        """Count what came of a lookup."""
        self.lookups.labels(result=str(status)).inc()

    def record_answer(self, answer: Answer) -> None:
        """Count an answer and its sentences."""
        self._on_answer(answer)
        self.answers.labels(outcome=str(answer.outcome), language=answer.language).inc()
        if answer.degraded_reason:
            self.degraded.labels(reason=answer.degraded_reason.partition(":")[0]).inc()
        for claim in answer.claims:
            self.sentences.labels(verdict=str(claim.verdict)).inc()
        if answer.withheld:
            self.sentences.labels(verdict="withheld").inc(answer.withheld)

    def set_outages(self, outages: Sequence[Outage]) -> None:
        """Set the gauges of newest generations that cannot be served, and since when.

        A reason is shown from its first outage on: with 0 once there is none any more.
        """
        self.stale.set(len(outages))
        self._outage_codes |= {outage.code for outage in outages}
        for code in OUTAGE_CODES:
            if code not in self._outage_codes:
                continue
            since = [outage.since.timestamp() for outage in outages if outage.code == code]
            self.outages.labels(reason=code).set(len(since))
            self.outage_since.labels(reason=code).set(int(min(since, default=0)))

    def sum_families(self) -> dict[str, float]:
        """Sum the samples of each counter and gauge; a label of few values stands by itself."""
        sums: dict[str, float] = {}
        for family in CurrentValues(self.registry).collect():
            if family.type not in {"counter", "gauge"}:
                continue
            for sample in family.samples:
                label = next((f".{sample.labels[n]}" for n in _SUMMED if n in sample.labels), "")
                name = f"{sample.name}{label}"
                sums[name] = sums.get(name, 0.0) + sample.value
        return sums

    def format_metrics(self) -> str:
        """Write every family in the text format of Prometheus."""
        return generate_latest(CurrentValues(self.registry)).decode()
