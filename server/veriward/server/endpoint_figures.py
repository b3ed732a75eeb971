"""What asking endpoints took, of all workers: sums and seconds, for the metrics."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import Metric

from veriward.server.metrics import Histogram, counter, histogram
from veriward.server.worker.tally import REQUESTS, RETRIES, SECONDS, SPEND, TOKENS, Row

FAMILIES = (
    ("veriward_endpoint_requests", "Questions to models, by how they ended", REQUESTS, ("endpoint", "result")),
    ("veriward_endpoint_retries", "Tries after the first, by why", RETRIES, ("endpoint", "cause")),
    ("veriward_endpoint_tokens", "Tokens that endpoints counted", TOKENS, ("endpoint", "direction")),
    ("veriward_endpoint_spend", "Cost by the prices in the settings", SPEND, ("endpoint", "unit")),
)


class EndpointFigures:
    """The sums of all workers' rows."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str, str], float] = {}
        self.seconds: dict[str, Histogram] = {}

    def add(self, rows: Iterable[Row]) -> None:
        for figure, endpoint, label, amount in rows:
            if figure == SECONDS:
                self.seconds.setdefault(endpoint, Histogram()).add(amount)
            else:
                key = figure, endpoint, label
                self.sums[key] = self.sums.get(key, 0.0) + amount

    def of(self, figure: str) -> list[tuple[tuple[str, str], float]]:
        """((endpoint, label), sum) of one figure."""
        return [((endpoint, label), amount) for (name, endpoint, label), amount in self.sums.items() if name == figure]


def families(figures: EndpointFigures) -> Iterator[Metric]:
    """For Prometheus."""
    for name, text, figure, labels in FAMILIES:
        yield counter(name, text, labels, figures.of(figure))
    yield histogram("veriward_endpoint_seconds", "Seconds of one answered try", "endpoint", figures.seconds.items())
