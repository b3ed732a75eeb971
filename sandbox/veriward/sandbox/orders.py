"""What keeper and child say to each other for every test: made and read without a parser, as there are thousands."""

import json
import struct
from collections.abc import Iterable, Sequence

ORDER = struct.Struct("<cI?")
"""`T`, the test's index, whether a candidate starts afresh; its descriptors are input, stdout, stderr and, where the
mode gives one, result."""

EQUIPMENT = struct.Struct("<c?BI")
"""`B`, whether a child is to launch commands, how many limits there are, how long the JSON is that tells of files."""
_LIMIT = struct.Struct("<Bqq")
MAX_EQUIPMENT_BYTES = 128 << 10


def pack_equipment(launches: bool, limits: Sequence[tuple[int, int, int]], files: Iterable[tuple[str, int]]) -> bytes:
    """`limits` are the kinds of `setrlimit`, soft and hard; `files` names and sizes."""
    named = json.dumps(list(files)).encode() if files else b""
    return b"".join(
        (EQUIPMENT.pack(b"B", launches, len(limits), len(named)), *(_LIMIT.pack(*one) for one in limits), named)
    )


def unpack_equipment(message: bytes) -> tuple[bool, list[tuple[int, int, int]], list[tuple[str, int]]]:
    _, launches, count, named = EQUIPMENT.unpack_from(message)
    at = EQUIPMENT.size + count * _LIMIT.size
    limits = list(_LIMIT.iter_unpack(message[EQUIPMENT.size : at]))
    return launches, limits, json.loads(message[at:]) if named else []


def pack_plan(mode: str, entry: str, stubs: Iterable[str]) -> bytes:
    """What a runner is to do; no part holds a NUL, by `bounds.py`."""
    return b"P" + "\0".join((mode, entry, *stubs)).encode("utf-8", "surrogatepass")


def unpack_plan(message: bytes) -> tuple[str, str, list[str]]:
    mode, entry, *stubs = message[1:].decode("utf-8", "surrogatepass").split("\0")
    return mode, entry, stubs


def told(index: int, status: str, reason: str, exit_code: int | None) -> bytes:
    """A child's last word of a test."""
    code = "null" if exit_code is None else exit_code
    return f'D{{"index":{index},"status":"{status}","reason":"{reason}","exit_code":{code}}}'.encode()


def told_clean(index: int) -> bytes:
    """The same of a program that ended by itself with 0, as most do."""
    return b'D{"index":%d,"status":"finished","reason":"","exit_code":0}' % index
