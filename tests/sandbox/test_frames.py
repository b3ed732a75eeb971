"""What goes into a frame comes out of it."""

import socket

import pytest

from veriward.sandbox import frames
from veriward.sandbox.execution import Execution, Isolation, Limits, Run, RunStatus, Usage

EXECUTIONS = {
    "the default": Execution("print(1)"),
    "a lone surrogate": Execution("\ud800"),
    "every field": Execution(
        "code",
        "judged",
        (b"\x00\xff", b""),
        "entry",
        ("f", "g"),
        {"a/b": b"\n", "c": b""},
        Limits(1.5, 2.5, 1 << 30, 7, 3),
        "std",
        "python",
        "per_test",
        7.5,
    ),
}
RUNS = {
    "a plain one": Run(0, RunStatus.FINISHED),
    "every field": Run(
        7,
        RunStatus.RUNTIME_ERROR,
        "SIGSEGV",
        b"out\x00",
        b"err\xff",
        b"",
        None,
        "SIGSEGV",
        Usage(1.5, 0.25, 1 << 33),
        Isolation("L3", ("a", "b")),
    ),
}


@pytest.mark.parametrize("execution", EXECUTIONS.values(), ids=EXECUTIONS)
def test_executions(execution: Execution) -> None:
    assert frames.unpack_execution(frames.pack_execution(execution)) == execution


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_runs(run: Run) -> None:
    assert frames.unpack_run(frames.pack_run(run)) == run


def test_frames_arrive_in_order_and_whole() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(frames.pack(b"R", b"x" * 100_000) + frames.pack(b"D"))
        assert frames.receive(right) == (b"R", b"x" * 100_000)
        assert frames.receive(right) == (b"D", b"")


def test_a_frame_one_byte_over_is_refused_unread() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(frames.HEADER.pack(b"R", frames.MAX_FRAME_BYTES + 1))
        with pytest.raises(frames.FrameTooLarge):
            frames.receive(right)


def test_a_peer_that_goes_is_an_end_of_file() -> None:
    left, right = socket.socketpair()
    with right:
        left.sendall(b"R\x05\x00\x00\x00ab")
        left.close()
        with pytest.raises(EOFError):
            frames.receive(right)
