"""Length-prefixed frames between trusted processes of ours: one letter of kind, then the payload.

The letters of the sandbox's own conversation (supervisor or `LocalSandbox` on the left, keeper on the right):

    X execution ->          run this (`pack_execution`)
    C           ->          cancel what runs
    L           ->          which languages are there?
    P           ->          which profiles are there?
                <- R run    one finished run (`pack_run`)
                <- D        the execution is over
                <- L JSON   by name, their versions; the built-in Python first
                <- P JSON   by name, why a profile's packages are not here, "" if they are; std first
                <- F field message   refused (`ExecutionRefused`)
                <- E message         our fault (`SandboxError`)
"""

import json
import socket
import struct
from dataclasses import asdict
from functools import lru_cache

from veriward.sandbox.execution import Execution, Isolation, Limits, Run, RunStatus, Usage

HEADER = struct.Struct("<cI")
MAX_FRAME_BYTES = 256 << 20


_encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: it is most of the cost of a small frame


class FrameTooLarge(Exception):
    """A peer announced a frame over `MAX_FRAME_BYTES`."""


def pack(kind: bytes, payload: bytes = b"") -> bytes:
    return HEADER.pack(kind, len(payload)) + payload


def send(sock: socket.socket, kind: bytes, payload: bytes = b"") -> None:
    sock.sendall(pack(kind, payload))


def receive(sock: socket.socket) -> tuple[bytes, bytes]:
    """Block for one frame. Raises `EOFError` when the peer is gone."""
    kind, size = HEADER.unpack(_exactly(sock, HEADER.size))
    if size > MAX_FRAME_BYTES:
        raise FrameTooLarge(f"{size} bytes")
    return kind, _exactly(sock, size)


def _exactly(sock: socket.socket, size: int) -> bytes:
    if not size:
        return b""
    first = sock.recv(size)
    if len(first) == size:
        return first
    parts, missing = [first], size - len(first)
    while missing:
        if not parts[-1]:
            raise EOFError("the peer closed the connection")
        parts.append(sock.recv(min(missing, 1 << 20)))
        missing -= len(parts[-1])
    return b"".join(parts)


def pack_blobs(head: dict[str, object], blobs: list[bytes]) -> bytes:
    """A JSON head followed by byte strings: what all our payloads are made of."""
    text = _encode({**head, "_": [len(blob) for blob in blobs]}).encode()
    return b"".join([struct.pack("<I", len(text)), text, *blobs])


def unpack_blobs(payload: bytes) -> tuple[dict[str, object], list[bytes]]:
    (size,) = struct.unpack_from("<I", payload)
    head = json.loads(payload[4 : 4 + size])
    blobs, at = [], 4 + size
    for length in head.pop("_"):
        blobs.append(payload[at : at + length])
        at += length
    return head, blobs


def pack_execution(execution: Execution) -> bytes:
    head: dict[str, object] = {
        "mode": execution.mode,
        "entry": execution.entry,
        "stubs": execution.stubs,
        "files": list(execution.files),
        "limits": asdict(execution.limits),
        "profile": execution.profile,
        "language": execution.language,
        "reuse": execution.reuse,
    }
    code = execution.code.encode("utf-8", "surrogatepass")
    return pack_blobs(head, [code, *execution.files.values(), *execution.inputs])


def unpack_execution(payload: bytes) -> Execution:
    head, blobs = unpack_blobs(payload)
    names = head.pop("files")
    assert isinstance(names, list)
    limits = Limits(**head.pop("limits"))  # type: ignore[arg-type]
    head["stubs"] = tuple(head["stubs"])  # type: ignore[arg-type]
    return Execution(
        code=blobs[0].decode("utf-8", "surrogatepass"),
        files=dict(zip(names, blobs[1:], strict=False)),
        inputs=tuple(blobs[1 + len(names) :]),
        limits=limits,
        **head,  # type: ignore[arg-type]
    )


def pack_run(run: Run) -> bytes:
    head: dict[str, object] = {
        "index": run.index,
        "status": run.status.value,
        "reason": run.reason,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "usage": (run.usage.wall_seconds, run.usage.cpu_seconds, run.usage.memory_bytes),
        "has_result": run.result is not None,
    }
    return pack_blobs(head, [run.stdout, run.stderr, run.result or b"", _pack_isolation(run.isolation)])


def unpack_run(payload: bytes) -> Run:
    head, (stdout, stderr, result, isolation) = unpack_blobs(payload)
    usage = Usage(*head.pop("usage"))  # type: ignore[misc]
    has_result = head.pop("has_result")
    return Run(
        status=RunStatus(str(head.pop("status"))),
        usage=usage,
        isolation=_unpack_isolation(isolation),
        stdout=stdout,
        stderr=stderr,
        result=result if has_result else None,
        **head,  # type: ignore[arg-type]
    )


# Runs by the thousand share one isolation.
@lru_cache(maxsize=8)
def _pack_isolation(isolation: Isolation) -> bytes:
    return _encode([isolation.level, isolation.layers, isolation.backend]).encode()


@lru_cache(maxsize=8)
def _unpack_isolation(payload: bytes) -> Isolation:
    level, layers, backend = json.loads(payload)
    return Isolation(level, tuple(layers), backend)
