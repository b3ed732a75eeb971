"""Row `bombs`: answers made to hang the judge, one after another, and honest answers beside them."""

import json
import threading
import time
from typing import Any

from veriward.cli.benches.cpu import tree_cpu
from veriward.cli.benches.load import load, post
from veriward.cli.benches.samples import BOMBS, RolloutBodies
from veriward.cli.benches.session import Figure, Session

HONEST_PER_REQUEST = 8
HONEST_CHARS = 500
GOLD = r"\frac{\sqrt{2}}{3}"  # not a number that a fast path could compare a bomb with


def bombs(session: Session) -> None:
    """Each bomb alone, by wall time and CPU time; then honest answers alone and beside all bombs over and over."""
    server = session.server()
    told: dict[str, dict[str, Any]] = {}
    for name in BOMBS:
        session.tell(f"bombs: {name}")
        before, began = tree_cpu(server.pid), time.monotonic()
        (result,) = _grade_bomb(session, name, 0)
        seconds, spent = time.monotonic() - began, tree_cpu(server.pid).since(before).seconds
        status = result["status"] if result["outcome"] is None else result["outcome"]
        told[name] = {"seconds": round(seconds, 4), "cpu_seconds": round(spent, 3), "verdict": status}
    worst = max(told.values(), key=lambda one: float(one["seconds"]))
    session.add(Figure("bombs.worst", float(worst["seconds"]), len(told), told))
    session.add(Figure("baseline.quiet", *_honest(session)))
    stop = threading.Event()
    dropped = [0]

    def drop() -> None:
        while not stop.is_set():
            for name in BOMBS:
                dropped[0] += 1
                _grade_bomb(session, name, dropped[0])

    dropper = threading.Thread(target=drop)
    dropper.start()
    try:
        seconds, units = _honest(session)
    finally:
        stop.set()
        dropper.join()
    session.add(Figure("bombs.neighbours", seconds, units, {"bombs": dropped[0]}))


def _grade_bomb(session: Session, name: str, number: int) -> list[dict[str, Any]]:
    """The bomb number `number`; the number in its text keeps the cache from answering."""
    item = {"task": {"verifier": "math", "answer": GOLD}, "responses": [f"Try {number}. So it is {BOMBS[name]}"]}
    answer = post(session.server(), "/v1/grade", json.dumps({"items": [item], "deadline_seconds": 30}).encode())
    results: list[dict[str, Any]] = json.loads(answer)["items"][0]["results"]
    return results


def _honest(session: Session) -> tuple[float, int]:
    """The 90th percentile of a request's seconds, all of its verdicts right, and how many rollouts there were."""
    session.tell("honest answers")
    right = HONEST_PER_REQUEST // 2  # every other response of `RolloutBodies` is right

    def check(answer: bytes) -> bool:
        return answer.count(b'"outcome":"correct"') == answer.count(b'"outcome":"wrong"') == right

    bodies = RolloutBodies(HONEST_PER_REQUEST, HONEST_CHARS)
    done = load(session.server(), "/v1/grade", bodies, check, connections=1, seconds=session.seconds)
    return done.percentile(0.9), done.requests * HONEST_PER_REQUEST
