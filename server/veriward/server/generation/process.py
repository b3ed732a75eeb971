"""A sampler: a process of the gateway's in which generators run, so that one that never ends can be killed.

Run as `python -m veriward.server.generation.process PARENT_PID FD`. Frames in: S settings, then J for each slice that
is asked for. Frames out, for each slice: T a task, then D; or one of I invalid (field, message), F failed (message).
Generators are our own code and meet nothing of a model's: it is bounded, not confined.
"""

import json
import resource
import signal
import socket
import sys
import traceback
from typing import Any

from pydantic_core import to_json

from veriward.sandbox.confine import die_with_parent
from veriward.sandbox.frames import receive, send
from veriward.verifiers import InvalidTask
from veriward.verifiers.generators import NoTask, generators, sample


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM):  # the gateway drains, and needs it for that
        signal.signal(number, signal.SIG_IGN)
    sock = socket.socket(fileno=int(sys.argv[2]))
    while True:
        try:
            kind, payload = receive(sock)
        except (EOFError, ConnectionResetError):
            return
        asked = json.loads(payload)
        if kind == b"S":
            resource.setrlimit(resource.RLIMIT_AS, (asked["memory_bytes"], asked["memory_bytes"]))
        else:
            _slice(sock, asked)


def _slice(sock: socket.socket, asked: dict[str, Any]) -> None:
    try:
        known = generators()[asked["generator"]]
        for index in range(asked["start"], asked["start"] + asked["count"]):
            send(sock, b"T", to_json(sample(known, asked["seed"], index, asked["difficulty"], asked["parameters"])))
    except InvalidTask as invalid:
        send(sock, b"I", to_json([invalid.field, invalid.message]))
    except NoTask as none:
        send(sock, b"F", str(none).encode())
    except MemoryError:
        raise SystemExit(1) from None  # in any state; the gateway says that it ended
    except Exception as error:  # noqa: BLE001 - told as a fault of the generator; its trace goes to the log
        traceback.print_exc()
        send(sock, b"F", f"the generator failed with {type(error).__name__}".encode())
    else:
        send(sock, b"D")


if __name__ == "__main__":
    main()
