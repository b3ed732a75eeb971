"""The lines of a result stream, put back into the caller's order of items; what is missing at its end is an error."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import TypeAdapter, ValidationError

from veriward.client.errors import StreamBroken
from veriward.client.payload import Span
from veriward.client.retries import TROUBLE
from veriward.wire import StreamEnd, StreamLine

MAX_LINE_BYTES = 16 << 20  # one result: far more than a server sends

_LINE: TypeAdapter[StreamLine | StreamEnd] = TypeAdapter(StreamLine | StreamEnd)


class StreamReader:
    """Reads one response's stream; `spans` say which rollouts it was asked for."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._missing = {(i, r) for i, span in enumerate(spans) for r in range(span.stop - span.first)}
        self._address = ""
        self._rest = b""
        self._ended = False

    def feed(self, chunk: bytes) -> Iterator[StreamLine]:
        """The results that `chunk` completes."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise StreamBroken(self._address, f"a line of more than {MAX_LINE_BYTES} bytes")
        for line in filter(None, lines):
            yield from self._read(line)

    @contextmanager
    def reading(self, address: str) -> Iterator[None]:
        """Around all feeding: raises `StreamBroken` when the connection breaks or the end never came."""
        self._address = address
        try:
            yield
        except TROUBLE as error:
            raise StreamBroken(self._address, str(error) or type(error).__name__) from error
        if not self._ended:
            raise StreamBroken(self._address, f"no last line, {len(self._missing)} results missing")

    def _read(self, line: bytes) -> Iterator[StreamLine]:
        try:
            read = _LINE.validate_json(line)
        except ValidationError:
            raise StreamBroken(self._address, f"an unreadable line {line[:200]!r}") from None
        if isinstance(read, StreamEnd):
            if self._missing:
                raise StreamBroken(self._address, f"{len(self._missing)} results missing at its end")
            self._ended = True
            return
        try:
            self._missing.remove((read.item, read.response))
        except KeyError:
            raise StreamBroken(self._address, f"a result nobody asked for, or twice: {line[:200]!r}") from None
        span = self._spans[read.item]
        yield StreamLine(item=span.group, response=span.first + read.response, result=read.result)
