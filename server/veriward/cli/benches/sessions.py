"""Rows `sessions`: what a client waits for a session, a cell, and eight forks, at the median."""

import time
from collections.abc import Callable
from statistics import median

from veriward.cli.benches.session import Figure, Session
from veriward.client import Client
from veriward.client import Session as PythonSession

GROUP = 8
WARM_ROUNDS = 3
WARM_UP = """
import collections, csv, dataclasses, datetime, decimal, fractions, json, random, statistics
table = [{"id": at, "value": random.random()} for at in range(20_000)]
by_decile = collections.Counter(int(row["value"] * 10) for row in table)
mean = statistics.fmean(row["value"] for row in table)
"""


def sessions(session: Session) -> None:
    server = session.server()
    with Client(server.url, api_key=server.api_key) as client, client.session() as warm:
        session.tell("sessions.cell")
        _measure(session, "sessions.cell", lambda: _seconds(lambda: warm.run("sum(range(10))")))
        session.tell("sessions.create")
        _measure(session, "sessions.create", lambda: _closed(_timed(lambda: [client.session()])))
        session.tell("baseline.fresh8")
        _measure(session, "baseline.fresh8", lambda: _closed(_timed(lambda: _fresh(client))))
        warm.run(WARM_UP)
        session.tell("sessions.fork8")
        _measure(session, "sessions.fork8", lambda: _closed(_timed(lambda: warm.fork(GROUP))))


def _fresh(client: Client) -> list[PythonSession]:
    fresh = client.sessions(GROUP)
    for one in fresh:
        one.run(WARM_UP)
    return fresh


def _measure(session: Session, row: str, once: Callable[[], float]) -> None:
    for _ in range(WARM_ROUNDS):
        once()
    ends = time.perf_counter() + session.seconds
    taken = [once()]
    while time.perf_counter() < ends:
        taken.append(once())
    session.add(Figure(row, median(taken), len(taken)))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _timed(work: Callable[[], list[PythonSession]]) -> tuple[float, list[PythonSession]]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def _closed(timed: tuple[float, list[PythonSession]]) -> float:
    seconds, made = timed
    for one in made:
        one.close()
    return seconds
