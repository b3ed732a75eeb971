"""Counts what the gateway does, and tells Prometheus through a registry that belongs to one app.

Counting a rollout is a few additions on plain numbers; the families are built when they are scraped.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

MAX_SOURCES = 64  # distinct `source` labels; later ones are counted together
OTHER = "other"
NO_VERIFIER = "none"  # of a task that names none, or one not known here
BOUNDS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Histogram:
    """Seconds by upper bound."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        rows: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip((*map(str, BOUNDS_SECONDS), "+Inf"), self.counts, strict=True):
            below += count
            rows.append((bound, below))
        return rows


@dataclass(slots=True)
class VerifierCounts:
    statuses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    queued: Histogram = field(default_factory=Histogram)
    graded: Histogram = field(default_factory=Histogram)


@dataclass(slots=True)
class SourceCounts:
    statuses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rewards: int = 0
    reward_total: float = 0.0


@dataclass(slots=True)
class Series:
    """Where the rollouts of one item are counted."""

    verifier: VerifierCounts
    source: SourceCounts

    def add(self, status: str, reward: float | None, rollouts: int = 1) -> None:
        self.verifier.statuses[status] += rollouts
        source = self.source
        source.statuses[status] += rollouts
        if reward is not None:
            source.rewards += rollouts
            source.reward_total += reward * rollouts


@dataclass(frozen=True, slots=True)
class Totals:
    """Over all verifiers, since the start; seconds as counts by `BOUNDS_SECONDS`."""

    rollouts: int
    not_graded: int
    queued: Sequence[int]
    graded: Sequence[int]


Readings = Callable[[], Iterable[tuple[str, str, float]]]  # name, help, value now
Kills = Callable[[], Mapping[str, int]]  # by cause


class Metrics(Collector):
    """The app's figures. `gauges` and `counters` are read when they are asked for."""

    def __init__(
        self,
        gauges: Readings,
        counters: Readings,
        kills: Kills,
        more: Callable[[], Iterator[Metric]] = lambda: iter(()),
    ) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._verifiers: defaultdict[str, VerifierCounts] = defaultdict(VerifierCounts)
        self._sources: defaultdict[str, SourceCounts] = defaultdict(SourceCounts)
        self._requests: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._durations: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._gauges = gauges
        self._counters = counters
        self._kills = kills
        self._more = more
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def series(self, verifier: str, source: str) -> Series:
        if source not in self._sources and len(self._sources) >= MAX_SOURCES:
            source = OTHER
        return Series(self._verifiers[verifier], self._sources[source])

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests[route, method, str(status)] += 1
        self._durations[route].add(seconds)

    def totals(self) -> Totals:
        """What all of it comes to."""
        verifiers = self._verifiers.values()
        rollouts = sum(sum(counts.statuses.values()) for counts in verifiers)
        graded = sum(counts.statuses.get("graded", 0) for counts in verifiers)
        empty = [0] * (len(BOUNDS_SECONDS) + 1)
        queued = [sum(column) for column in zip(empty, *(one.queued.counts for one in verifiers), strict=True)]
        judged = [sum(column) for column in zip(empty, *(one.graded.counts for one in verifiers), strict=True)]
        return Totals(rollouts, rollouts - graded, queued, judged)

    @property
    def verifiers(self) -> Mapping[str, VerifierCounts]:
        return self._verifiers

    def text(self) -> bytes:
        """Prometheus's text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        yield counter(
            "veriward_requests", "HTTP requests answered", ("route", "method", "status"), self._requests.items()
        )
        yield histogram("veriward_request_seconds", "Seconds to answer a request", "route", self._durations.items())
        yield counter(
            "veriward_rollouts",
            "Rollouts answered",
            ("verifier", "status"),
            (((name, status), n) for name, counts in self._verifiers.items() for status, n in counts.statuses.items()),
        )
        yield histogram(
            "veriward_queued_seconds",
            "Seconds that rollouts waited in the queue",
            "verifier",
            ((name, counts.queued) for name, counts in self._verifiers.items()),
        )
        yield histogram(
            "veriward_graded_seconds",
            "Seconds that rollouts took to grade",
            "verifier",
            ((name, counts.graded) for name, counts in self._verifiers.items()),
        )
        yield counter(
            "veriward_source_rollouts",
            "Rollouts answered, by the source that the client named",
            ("source", "status"),
            (((name, status), n) for name, counts in self._sources.items() for status, n in counts.statuses.items()),
        )
        rewards = SummaryMetricFamily(
            "veriward_source_reward", "Rewards given; sum / count is their mean", labels=["source"]
        )
        for name, counts in self._sources.items():
            rewards.add_metric([name], counts.rewards, counts.reward_total)
        yield rewards
        yield counter(
            "veriward_kills",
            "Graders and workers that ended early",
            ("cause",),
            (((cause,), count) for cause, count in self._kills().items()),
        )
        for name, text, value in self._gauges():
            yield GaugeMetricFamily(name, text, value)
        for name, text, value in self._counters():
            yield CounterMetricFamily(name, text, value)
        yield from self._more()


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Seconds that `share` of these took at most, told between two bounds; None where there are none."""
    wanted = share * sum(counts)
    below = 0
    for at, count in enumerate(counts):
        if count and below + count >= wanted:
            if at == len(BOUNDS_SECONDS):
                return BOUNDS_SECONDS[-1]
            lower = BOUNDS_SECONDS[at - 1] if at else 0.0
            return round(lower + (BOUNDS_SECONDS[at] - lower) * (wanted - below) / count, 6)
        below += count
    return None


def counter(
    name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], float]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows:
        family.add_metric(values, count)
    return family


def histogram(name: str, text: str, label: str, rows: Iterable[tuple[str, Histogram]]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, text, labels=[label])
    for value, histogram in rows:
        family.add_metric([value], histogram.buckets(), histogram.total)
    return family
