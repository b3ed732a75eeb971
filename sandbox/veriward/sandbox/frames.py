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
# Of a run: index, wall and CPU seconds, memory; sizes of how it ended, stdout, stderr, and result, -1 for none.
_RUN = struct.Struct("<IddqIIIi")


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
        "total_cpu_seconds": execution.total_cpu_seconds,
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
    usage, end = run.usage, _pack_end(run.status, run.reason, run.exit_code, run.signal, run.isolation)
    result = run.result
    sizes = len(end), len(run.stdout), len(run.stderr), -1 if result is None else len(result)
    head = _RUN.pack(run.index, usage.wall_seconds, usage.cpu_seconds, usage.memory_bytes, *sizes)
    return b"".join((head, end, run.stdout, run.stderr, result or b""))


def unpack_run(payload: bytes) -> Run:
    index, wall_seconds, cpu_seconds, memory_bytes, end, stdout, stderr, result = _RUN.unpack_from(payload)
    end += _RUN.size
    stdout += end
    stderr += stdout
    status, reason, exit_code, signal, isolation = _unpack_end(payload[_RUN.size : end])
    return Run(
        index=index,
        status=status,
        reason=reason,
        stdout=payload[end:stdout],
        stderr=payload[stdout:stderr],
        result=payload[stderr:] if result >= 0 else None,
        exit_code=exit_code,
        signal=signal,
        usage=Usage(wall_seconds, cpu_seconds, memory_bytes),
        isolation=isolation,
    )


# Runs by the thousand end alike, on one isolation: what they share is made and read once.
@lru_cache(maxsize=64)
def _pack_end(status: RunStatus, reason: str, exit_code: int | None, signal: str | None, isolation: Isolation) -> bytes:
    return _encode([status, reason, exit_code, signal, isolation.level, isolation.layers, isolation.backend]).encode()


@lru_cache(maxsize=64)
def _unpack_end(payload: bytes) -> tuple[RunStatus, str, int | None, str | None, Isolation]:
    status, reason, exit_code, signal, level, layers, backend = json.loads(payload)
    return RunStatus(status), reason, exit_code, signal, Isolation(level, tuple(layers), backend)
