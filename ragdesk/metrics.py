"""Numbers about the server, in the text format Prometheus reads. Label sets are closed."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ragdesk.answering.answer import Answer, Outcome, Standing
from ragdesk.errors import REASONS
from ragdesk.handles import count_handles, handle_limit
from ragdesk.trouble import CODES, Outage

OTHER = "other"
BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24)
Values = tuple[str, ...]


class Family:
    """A counter, gauge or histogram with labels out of closed sets.

    An unforeseen label value becomes ``other``, so that no client can make the page grow.
    """

    def __init__(self, name: str, kind: str, about: str, **labels: Values) -> None:
        self.name, self.kind, self.about, self.labels = name, kind, about, labels
        self._lock = threading.Lock()
        self._values: dict[Values, float] = defaultdict(float)
        self._counts: dict[Values, list[int]] = defaultdict(lambda: [0] * len(BUCKETS))

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Count up (a gauge also down, with a negative amount)."""
        with self._lock:
            self._values[self._place(labels)] += amount

    def set(self, value: float, **labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[self._place(labels)] = value

    def is_set(self, **labels: str) -> bool:
        """Tell whether a gauge was set for some labels."""
        with self._lock:
            return self._place(labels) in self._values

    def observe(self, seconds: float, **labels: str) -> None:
        """Note a duration in a histogram."""
        place = self._place(labels)
        with self._lock:
            self._values[place] += seconds
            self._values[(*place, "count")] += 1
            for i, limit in enumerate(BUCKETS):
                self._counts[place][i] += seconds <= limit

    def _place(self, labels: Mapping[str, str]) -> Values:
        return tuple(
            labels[name] if labels[name] in allowed else OTHER
            for name, allowed in self.labels.items()
        )

    def lines(self) -> Iterator[str]:
        """Write the family: its help, its type, and a line per label set."""
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} {self.kind}"
        with self._lock:
            values, counts = dict(self._values), {k: list(v) for k, v in self._counts.items()}
        if not values and not self.labels:
            values = {(): 0.0}
        for place in sorted(place for place in values if len(place) == len(self.labels)):
            if self.kind != "histogram":
                yield f"{self.name}{self._named(place)} {values[place]:g}"
                continue
            total = values[(*place, "count")]
            for limit, count in zip(BUCKETS, counts[place], strict=True):
                yield f"{self.name}_bucket{self._named(place, f'{limit:g}')} {count}"
            yield f"{self.name}_bucket{self._named(place, '+Inf')} {total:g}"
            yield f"{self.name}_sum{self._named(place)} {values[place]:.6f}"
            yield f"{self.name}_count{self._named(place)} {total:g}"

    def _named(self, place: Values, limit: str | None = None) -> str:
        pairs = [f'{name}="{value}"' for name, value in zip(self.labels, place, strict=True)]
        pairs += [] if limit is None else [f'le="{limit}"']
        return f"{{{','.join(pairs)}}}" if pairs else ""


class Metrics:
    """The families a server keeps. ``routes`` closes the set of their ``route`` label."""

    def __init__(self, routes: Values = ()) -> None:
        methods = ("GET", "HEAD", "POST", "PUT", "DELETE")
        statuses = ("2xx", "3xx", "4xx", "5xx")
        languages = ("en", "zh", "und")
        states = ("queued", "running", "done", "failed")
        outcomes = tuple(str(outcome) for outcome in Outcome)
        self.requests = Family(
            "ragdesk_requests_total",
            "counter",
            "Requests answered.",
            route=routes,
            method=methods,
            status=statuses,
        )
        self.seconds = Family(
            "ragdesk_request_seconds",
            "histogram",
            "Seconds until the last byte of an answer.",
            route=routes,
        )
        self.in_flight = Family("ragdesk_in_flight", "gauge", "Requests being answered.")
        self.answers = Family(
            "ragdesk_answers_total",
            "counter",
            "Answers by outcome.",
            outcome=outcomes,
            language=languages,
        )
        self.degraded = Family(
            "ragdesk_degraded_total",
            "counter",
            "Answers a language model did not write, or not to their end, by reason.",
            reason=tuple(REASONS),
        )
        self.sentences = Family(
            "ragdesk_sentences_total",
            "counter",
            "Sentences said, by verdict, and those left out after their check.",
            verdict=(*(str(standing) for standing in Standing), "withheld"),
        )
        self._add_opening()
        self.fallbacks = Family("ragdesk_gpu_fallbacks", "gauge", "Segments no GPU took.")
        self.jobs = Family(
            "ragdesk_jobs_total",
            "counter",
            "Document jobs by the state they reached.",
            state=states,
        )

    def _add_opening(self) -> None:
        """Add what tells of generations that are open, or cannot be opened, and of handles."""
        self.reloads = Family(
            "ragdesk_reloads_total",
            "counter",
            "New generations looked at, by result.",
            result=("ok", "failed"),
        )
        self.stale = Family(
            "ragdesk_stale_collections",
            "gauge",
            "Collections whose newest generation cannot be served; an older one answers.",
        )
        self.troubles = Family(
            "ragdesk_not_served",
            "gauge",
            "Collections whose newest generation cannot be served, by reason.",
            reason=CODES,
        )
        self.troubled_since = Family(
            "ragdesk_not_served_since_seconds",
            "gauge",
            "Unix time since when the longest of these lasts, by reason; 0 when there is none.",
            reason=CODES,
        )
        self.open_failures = Family(
            "ragdesk_open_failures_total",
            "counter",
            "Tries to open a generation that failed, by reason.",
            reason=CODES,
        )
        self.generations = Family(
            "ragdesk_open_generations",
            "gauge",
            "Generations that are open: one a collection, and those that requests still read.",
        )
        self.handles = Family("process_open_fds", "gauge", "Open file handles.")
        self.most_handles = Family("process_max_fds", "gauge", "File handles it may have open.")

    def note(self, given: Answer) -> None:
        """Count an answer and its sentences."""
        self.answers.add(outcome=str(given.outcome), language=given.language)
        if given.degraded_reason:
            self.degraded.add(reason=given.degraded_reason.partition(":")[0])
        for claim in given.claims:
            self.sentences.add(verdict=str(claim.verdict))
        if given.withheld:
            self.sentences.add(given.withheld, verdict="withheld")

    def note_troubles(self, troubles: Sequence[Outage]) -> None:
        """Set what says which newest generations cannot be served, and since when."""
        self.stale.set(len(troubles))
        for code in CODES:
            since = [one.since.timestamp() for one in troubles if one.code == code]
            if since or self.troubles.is_set(reason=code):
                self.troubles.set(len(since), reason=code)
                self.troubled_since.set(int(min(since, default=0)), reason=code)

    def note_handles(self) -> None:
        """Count the open file handles of this process, and how many it may have."""
        self.handles.set(count_handles())
        self.most_handles.set(handle_limit())

    def text(self) -> str:
        """Write every family."""
        families = (family for family in vars(self).values() if isinstance(family, Family))
        return "\n".join(line for family in families for line in family.lines()) + "\n"
