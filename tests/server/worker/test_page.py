"""The page that a grader and its worker share, read while it is written."""

import threading
import time

from veriward.server.worker.page import IDLE, Page


def test_a_reader_never_sees_an_ordinal_without_its_clocks() -> None:
    page, _ = Page.create()
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            page.begin(0)
            page.idle()

    writer = threading.Thread(target=write)
    writer.start()
    began = time.monotonic_ns()
    seen = 0
    while seen < 5_000 and time.monotonic_ns() < began + 10e9:
        ordinal, wall_ns, _, _ = page.read()
        if ordinal != IDLE:
            seen += 1
            assert wall_ns > began - 1e9
    stop.set()
    writer.join()
    assert seen


def test_time_in_the_sandbox_is_pushed_out_of_the_wall_clock() -> None:
    page, _ = Page.create()
    page.begin(3)
    _, before_ns, _, _ = page.read()
    entered_ns = page.enter_sandbox()
    assert page.read()[3]
    page.leave_sandbox(entered_ns - 5_000_000_000)
    ordinal, after_ns, _, in_sandbox = page.read()
    assert (ordinal, in_sandbox) == (3, False)
    assert after_ns - before_ns >= 5_000_000_000
