"""Rows `verdicts` and `requests`: cheap verdicts over HTTP in batches, and one by one."""

import asyncio
import itertools
import resource
import time

from veriward.cli.benches.samples import RolloutBodies, prose
from veriward.cli.benches.session import Figure, Session, served

SHAPES = ((8, 500), (64, 500), (256, 500), (8, 2_000), (64, 2_000), (256, 2_000))  # rollouts per request, characters
CONNECTIONS = 8
SINGLE_CONNECTIONS = 16
CHARS = 500
WAITING_CALLS = 256  # calls under way at once, as a trainer's async reward function makes them
TASK = {"verifier": "math", "answer": "72"}


def verdicts(session: Session) -> None:
    """`math` verdicts in batches, groups of 8 per task, each response distinct."""
    for per_request, chars in SHAPES:
        served(
            session,
            f"verdicts.{per_request}x{chars}",
            "/v1/grade",
            RolloutBodies(per_request, chars),
            right=b'"status":"graded"',
            per_request=per_request,
            connections=CONNECTIONS,
        )


def requests(session: Session) -> None:
    """One rollout per request: from raw sockets, from the sync client, from the async client."""
    served(
        session,
        "requests.raw",
        "/v1/grade",
        RolloutBodies(1, CHARS),
        right=b'"status":"graded"',
        per_request=1,
        connections=SINGLE_CONNECTIONS,
    )
    _sync(session)
    asyncio.run(_async(session))


def _sync(session: Session) -> None:
    """CPU time of this process alone: what a request costs the trainer."""
    from veriward.client import Client

    session.tell("requests.sync")
    server = session.server()
    with Client(server.url, api_key=server.api_key) as client:
        for number in itertools.count():
            if number == 20:  # connected and warm
                began, spent, first = time.monotonic(), _own_seconds(), number
            (result,) = client.grade_rollouts([TASK], [_response(number)])
            assert result.status == "graded", result
            if number > 20 and time.monotonic() - began > session.seconds:
                break
        count = number + 1 - first
        rate = round(count / (time.monotonic() - began), 1)
        session.add(Figure("requests.sync", (_own_seconds() - spent) / count * 1e3, count, {"per_second": rate}))


async def _async(session: Session) -> None:
    """Single calls at once from one event loop; the client puts them together."""
    from veriward.client import AsyncClient

    session.tell("requests.async")
    server = session.server()
    numbers = itertools.count(1_000_000)
    async with AsyncClient(server.url, api_key=server.api_key) as client:
        began, spent, done = time.monotonic(), _own_seconds(), 0

        async def caller() -> None:
            nonlocal done
            while time.monotonic() - began < session.seconds:
                result = await client.grade_one(TASK, _response(next(numbers)))
                assert result.status == "graded", result
                done += 1

        await asyncio.gather(*(caller() for _ in range(WAITING_CALLS)))
        seconds = time.monotonic() - began
        notes = {"client_cpu_ms": round((_own_seconds() - spent) / done * 1e3, 3)}
        session.add(Figure("requests.async", done / seconds, done, notes))


def _response(number: int) -> str:
    return f"Draft {number}. {prose(CHARS - 40)} so it is \\boxed{{{72 + number % 2}}}"


def _own_seconds() -> float:
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
