"""Replies kept by what was asked, the least recently used gone first; lost with the worker."""

from collections import OrderedDict

from veriward.verifiers.asking import Reply

ENTRY_BYTES = 400  # of an entry beside its text


class ReplyCache:
    """Bounded in bytes; 0 keeps none."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, Reply] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> Reply | None:
        reply = self._kept.get(key)
        if reply is not None:
            self._kept.move_to_end(key)
        return reply

    def put(self, key: str, reply: Reply) -> None:
        if key in self._kept or _size(reply) > self._max_bytes:
            return
        self._kept[key] = reply
        self._bytes += _size(reply)
        while self._bytes > self._max_bytes:
            self._bytes -= _size(self._kept.popitem(last=False)[1])


def _size(reply: Reply) -> int:
    return ENTRY_BYTES + 4 * len(reply.text) + 100 * len(reply.logprobs or ())
