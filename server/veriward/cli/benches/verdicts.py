"""Rows `verdicts` and `requests`: cheap verdicts over HTTP in batches, and one by one."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable

from veriward.cli.benches.cpu import cpu_per_call, own_cpu_seconds
from veriward.cli.benches.samples import RolloutBodies, prose
from veriward.cli.benches.session import Figure, Session, served

SHAPES = ((8, 500), (64, 500), (256, 500), (8, 2_000), (64, 2_000), (256, 2_000))  # rollouts per request, characters
CONNECTIONS = 8
SINGLE_CONNECTIONS = 16
CHARS = 500
WARM_CALLS = 20
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
    """CPU time of this process alone: what a request costs the trainer, by httpx alone and by our client."""
    import httpx

    from veriward.client import Client

    server = session.server()
    headers = {"Authorization": f"Bearer {server.api_key}", "Content-Type": "application/json"}
    with httpx.Client(base_url=server.url, headers=headers) as bare:

        def post(number: int) -> None:
            item = {"task": TASK, "responses": [_response(number)]}
            answer = bare.post("/v1/grade", content=json.dumps({"items": [item]})).json()
            assert answer["items"][0]["results"][0]["status"] == "graded", answer

        _own_cost(session, "baseline.httpx", post, first=2_000_000)
    with Client(server.url, api_key=server.api_key) as client:

        def grade(number: int) -> None:
            (result,) = client.grade_rollouts([TASK], [_response(number)])
            assert result.status == "graded", result

        _own_cost(session, "requests.sync", grade, first=3_000_000)


def _own_cost(session: Session, row: str, send: Callable[[int], None], first: int) -> None:
    session.tell(row)
    cpu_per_call(lambda call: send(first + call), session.seconds, at_most=WARM_CALLS)
    seconds, count = cpu_per_call(lambda call: send(first + WARM_CALLS + call), session.seconds)
    session.add(Figure(row, seconds * 1e3, count))


async def _async(session: Session) -> None:
    """Single calls at once from one event loop; the client puts them together."""
    from veriward.client import AsyncClient

    session.tell("requests.async")
    server = session.server()
    numbers = itertools.count(4_000_000)
    async with AsyncClient(server.url, api_key=server.api_key) as client:
        began, spent, done = time.monotonic(), own_cpu_seconds(), 0

        async def caller() -> None:
            nonlocal done
            while time.monotonic() - began < session.seconds:
                result = await client.grade_one(TASK, _response(next(numbers)))
                assert result.status == "graded", result
                done += 1

        await asyncio.gather(*(caller() for _ in range(WAITING_CALLS)))
        seconds = time.monotonic() - began
        notes = {"client_cpu_ms": round((own_cpu_seconds() - spent) / done * 1e3, 3)}
        session.add(Figure("requests.async", done / seconds, done, notes))


def _response(number: int) -> str:
    return f"Draft {number}. {prose(CHARS - 40)} so it is \\boxed{{{72 + number % 2}}}"
