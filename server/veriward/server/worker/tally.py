"""What asking endpoints took since it was last told, in rows for the gateway's figures."""

from collections import defaultdict
from typing import Literal

Result = Literal["ok", "cached", "failed"]
Row = tuple[str, str, str, float]  # figure, endpoint, label, amount

REQUESTS, RETRIES, TOKENS, SPEND, SECONDS = "requests", "retries", "tokens", "spend", "seconds"


class Tally:
    """Figures since they were last taken."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, str, str], float] = defaultdict(float)
        self._seconds: list[Row] = []

    def __bool__(self) -> bool:
        return bool(self._sums or self._seconds)

    def request(self, endpoint: str, result: Result) -> None:
        self._sums[REQUESTS, endpoint, result] += 1

    def retry(self, endpoint: str, cause: str) -> None:
        self._sums[RETRIES, endpoint, cause] += 1

    def reply(self, endpoint: str, input_tokens: int, output_tokens: int, spend: float, seconds: float) -> None:
        self._sums[TOKENS, endpoint, "input"] += input_tokens
        self._sums[TOKENS, endpoint, "output"] += output_tokens
        self._sums[SPEND, endpoint, "price"] += spend
        self._seconds.append((SECONDS, endpoint, "", seconds))

    def take(self) -> list[Row]:
        rows: list[Row] = [(*key, amount) for key, amount in self._sums.items()] + self._seconds
        self._seconds = []
        self._sums.clear()
        return rows
