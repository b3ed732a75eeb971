"""Retries, waits and deadlines, on a clock that only pauses move."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import pytest

from veriward.client import ConnectionFailed, DeadlineExceeded, ServerOverloaded
from veriward.client.exchange import Attempt, Chance, Question, with_deadline
from veriward.client.retries import ANSWER_GRACE_SECONDS, LONGEST_PAUSE_SECONDS, Asker
from veriward.client.servers import Servers

GRADE = Question("POST", "/v1/grade", with_deadline(b'{"items":[]', "normal"))
REFUSED = httpx.ConnectError("connection refused")
CUT = httpx.RemoteProtocolError("peer closed connection")
OK = httpx.Response(200)


def overloaded(retry_after: str, status: int = 429) -> httpx.Response:
    problem = {"title": "Overloaded", "status": status, "code": "overloaded", "detail": "queue full"}
    return httpx.Response(status, headers={"Retry-After": retry_after}, json=problem)


@dataclass
class World:
    """Plays the server: gives each attempt the next of `events`, the last one for ever."""

    events: Sequence[httpx.Response | Exception]
    urls: str = "http://a:1"
    deadline_seconds: float = 30.0
    reconnect_seconds: float = 60.0
    seconds_each: float = 0.0  # what an attempt takes
    now: float = 1000.0
    attempts: list[Attempt] = field(default_factory=list)

    def run(self) -> httpx.Response:
        asker = Asker(Servers(self.urls), None, self.reconnect_seconds, Chance(lambda: self.now, lambda: 1.0))
        conversation = asker.ask(GRADE, self.deadline_seconds)
        attempt = next(conversation)
        try:
            while True:
                self.attempts.append(attempt)
                self.now += attempt.pause_seconds + self.seconds_each
                event = self.events[min(len(self.attempts), len(self.events)) - 1]
                attempt = conversation.throw(event) if isinstance(event, Exception) else conversation.send(event)
        except StopIteration as end:
            response: httpx.Response = end.value
            return response

    @property
    def pauses(self) -> list[float]:
        return [round(attempt.pause_seconds, 3) for attempt in self.attempts]

    @property
    def hosts(self) -> str:
        return "".join(attempt.request.url.host for attempt in self.attempts)

    @property
    def keys(self) -> list[str]:
        return [attempt.request.headers["Idempotency-Key"] for attempt in self.attempts]

    @property
    def bodies(self) -> list[bytes]:
        return [attempt.request.content for attempt in self.attempts]


def test_pauses_grow_up_to_a_bound() -> None:
    world = World([REFUSED] * 8 + [OK])
    assert world.run() is OK
    assert world.pauses == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, LONGEST_PAUSE_SECONDS]


def test_retry_after_is_kept_with_a_little_jitter() -> None:
    world = World([overloaded("3"), overloaded("0.5"), OK])
    world.run()
    assert world.pauses == [0, 3.3, 0.55]


GIVES_UP = {
    "nobody listens": (World([REFUSED], deadline_seconds=10), ConnectionFailed),
    "nobody listens, and the deadline is far": (World([REFUSED], deadline_seconds=3600), ConnectionFailed),
    "every connection breaks": (World([CUT], deadline_seconds=10), ConnectionFailed),
    "the queue stays full": (World([overloaded("1")], deadline_seconds=10), ServerOverloaded),
    "the queue stays full and nothing is said of when": (
        World([overloaded("")], deadline_seconds=10),
        ServerOverloaded,
    ),
    "the queue is full for longer than the deadline": (
        World([overloaded("11")], deadline_seconds=10),
        ServerOverloaded,
    ),
    "a wait for ever": (World([overloaded("inf")], deadline_seconds=10), ServerOverloaded),
    "a wait below zero": (World([overloaded("-5")], deadline_seconds=10), ServerOverloaded),
    "a wait that is no number": (World([overloaded("nan")], deadline_seconds=10), ServerOverloaded),
    "no answer": (World([httpx.ReadTimeout("")], deadline_seconds=10), DeadlineExceeded),
    "slow refusals": (World([overloaded("0")], deadline_seconds=10, seconds_each=3), ServerOverloaded),
}


@pytest.mark.parametrize(("world", "error"), GIVES_UP.values(), ids=GIVES_UP)
def test_gives_up_in_time(world: World, error: type[Exception]) -> None:
    began = world.now
    with pytest.raises(error):
        world.run()
    last_began = world.now - world.seconds_each
    assert last_began - began <= min(world.deadline_seconds, world.reconnect_seconds)
    assert len(world.attempts) < 50


def test_an_overloaded_server_is_not_an_unreachable_one() -> None:
    world = World([overloaded("2")] * 100 + [OK], deadline_seconds=3600)
    assert world.run() is OK


TURNS: dict[str, tuple[list[httpx.Response | Exception], str]] = {
    "cannot be reached": ([REFUSED, REFUSED, OK], "aba"),
    "drains": ([overloaded("0", 503), OK], "ab"),
    "is full: so is the queue behind the other": ([overloaded("0"), OK], "aa"),
    "cut off: it may know the answer": ([CUT, OK], "aa"),
    "cut off, then gone": ([CUT, REFUSED, OK], "aab"),
}


@pytest.mark.parametrize(("events", "hosts"), TURNS.values(), ids=TURNS)
def test_which_address_is_asked_next(events: list[httpx.Response | Exception], hosts: str) -> None:
    world = World(events, urls="http://a:1,http://b:2")
    world.run()
    assert world.hosts == hosts


ANEW: dict[str, tuple[list[httpx.Response | Exception], bool]] = {
    "refused connection": ([REFUSED, OK], True),
    "full queue": ([overloaded("1"), OK], True),
    "cut off": ([CUT, OK], False),
    "cut off, then gone": ([CUT, REFUSED, OK], False),
    "cut off, then refused by a server that knows": ([CUT, overloaded("1"), OK], True),
    "a proxy gave up": ([httpx.Response(504, text="<h1>"), OK], False),
}


@pytest.mark.parametrize(("events", "anew"), ANEW.values(), ids=ANEW)
def test_what_is_asked_anew(events: list[httpx.Response | Exception], anew: bool) -> None:
    world = World(events, urls="http://a:1,http://b:2")
    world.run()
    assert (world.keys[0] != world.keys[-1]) == anew
    assert (world.bodies[0] != world.bodies[-1]) == anew


def test_the_timeout_leaves_the_server_time_to_answer_at_its_deadline() -> None:
    world = World([REFUSED, OK], deadline_seconds=10, seconds_each=2)
    world.run()
    patience = [attempt.request.extensions["timeout"]["read"] for attempt in world.attempts]
    assert patience == [10 + ANSWER_GRACE_SECONDS, pytest.approx(10 - 2 - 0.1 + ANSWER_GRACE_SECONDS)]


WRONG = {
    "no address": " , ",
    "no scheme": "127.0.0.1:8000",
    "another protocol": "redis://127.0.0.1",
    "no host": "http://",
    "a key in the address": "http://user:key@host",
    "a query": "http://host?x=1",
    "a port that is none": "http://host:port",
}


@pytest.mark.parametrize("url", WRONG.values(), ids=WRONG)
def test_an_address_that_cannot_be_one_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="server address"):
        Servers(url)


def test_addresses_come_as_text_as_a_list_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VERIWARD_URL", raising=False)
    make: Callable[..., Servers] = Servers
    assert make().addresses == ("http://127.0.0.1:8000",)
    monkeypatch.setenv("VERIWARD_URL", "http://a:1/, https://b/prefix")
    assert make().addresses == make(["http://a:1", "https://b/prefix"]).addresses == ("http://a:1", "https://b/prefix")
