"""A job's server-sent events, read from one connection after another: each result once, however often it is cut off."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from veriward.client.errors import StreamBroken
from veriward.client.retries import TROUBLE
from veriward.client.streaming import MAX_LINE_BYTES
from veriward.wire import StreamLine

MAX_FRUITLESS = 5  # connections in a row that end without a result: then it is given up

log = logging.getLogger("veriward.client")


class EventReader:
    """`seen` counts results; a new connection is to begin after them. `ended`: all are there."""

    def __init__(self) -> None:
        self.seen = 0
        self.ended = False
        self._rest = b""
        self._address = ""
        self._fruitless = 0

    @contextmanager
    def reading(self, address: str) -> Iterator[None]:
        """Around all that is read from one connection. Raises `StreamBroken` when it ended too early too often."""
        self._address, self._rest, before, why = address, b"", self.seen, "no last event"
        try:
            yield
        except TROUBLE as error:
            why = str(error) or type(error).__name__
        if self.ended:
            return
        self._fruitless = 0 if self.seen > before else self._fruitless + 1
        if self._fruitless >= MAX_FRUITLESS:
            raise StreamBroken(address, why)
        log.info("%s: events broke off (%s); going on after %d", address, why, self.seen)

    def feed(self, chunk: bytes) -> Iterator[StreamLine]:
        """The results that `chunk` completes."""
        *events, self._rest = (self._rest + chunk).split(b"\n\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise StreamBroken(self._address, f"an event of more than {MAX_LINE_BYTES} bytes")
        for event in events:
            yield from self._read(event)

    def _read(self, event: bytes) -> Iterator[StreamLine]:
        pairs = (line.partition(b":") for line in event.split(b"\n") if not line.startswith(b":"))
        fields = {name: value.removeprefix(b" ") for name, _, value in pairs}
        if fields.get(b"event") == b"end":
            self.ended = True
        elif b"data" in fields:
            if fields.get(b"id") != b"%d" % (self.seen + 1):
                raise StreamBroken(self._address, f"result {fields.get(b'id')!r} after number {self.seen}")
            try:
                line = StreamLine.model_validate_json(fields[b"data"])
            except ValidationError:
                raise StreamBroken(self._address, f"an unreadable event {event[:200]!r}") from None
            self.seen += 1
            yield line
