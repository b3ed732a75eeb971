"""An answer is made once per key: for those who come while it is made, and for those who come after."""

import asyncio

import pytest

from veriward.server.auth import Caller
from veriward.server.once import MAX_KEY_CHARS, Once
from veriward.server.problems import Refusal
from veriward.wire import ErrorCode

ANYONE, OTHER = Caller(), Caller(b"other")


class Counted:
    """Answers with how often it was begun, once `gate` is open."""

    def __init__(self) -> None:
        self.begun = self.cancelled = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> bytes:
        self.begun += 1
        number = self.begun
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return str(number).encode()


async def test_the_same_key_and_body_get_the_same_answer() -> None:
    once, work = Once(60, 1 << 20), Counted()
    assert [await once.answer(ANYONE, b"key", "/a", b"{}", work) for _ in range(3)] == [b"1"] * 3
    assert await once.answer(ANYONE, b"another", "/a", b"{}", work) == b"2"
    assert await once.answer(OTHER, b"key", "/a", b"{}", work) == b"3"
    assert [await once.answer(ANYONE, None, "/a", b"{}", work) for _ in range(2)] == [b"4", b"5"]


@pytest.mark.parametrize(("path", "body"), [("/b", b"{}"), ("/a", b"[]")])
async def test_the_key_of_another_request_is_refused(path: str, body: bytes) -> None:
    once, work = Once(60, 1 << 20), Counted()
    await once.answer(ANYONE, b"key", "/a", b"{}", work)
    with pytest.raises(Refusal) as refused:
        await once.answer(ANYONE, b"key", path, body, work)
    assert refused.value.code is ErrorCode.IDEMPOTENCY_MISMATCH


@pytest.mark.parametrize("key", [b"", b"k" * (MAX_KEY_CHARS + 1)], ids=["empty", "too long"])
async def test_keys_are_bounded(key: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        await Once(60, 1 << 20).answer(ANYONE, key, "/a", b"{}", Counted())
    assert refused.value.code is ErrorCode.INVALID_REQUEST


async def test_whoever_comes_meanwhile_waits_for_the_same() -> None:
    once, work = Once(60, 1 << 20), Counted()
    work.gate.clear()
    waiting = [asyncio.ensure_future(once.answer(ANYONE, b"key", "/a", b"{}", work)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # the others still wait
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*waiting[1:]) == [b"1", b"1"]
    assert work.cancelled == 0


async def test_when_nobody_waits_it_is_cancelled_and_not_kept() -> None:
    once, work = Once(60, 1 << 20), Counted()
    work.gate.clear()
    waiting = asyncio.ensure_future(once.answer(ANYONE, b"key", "/a", b"{}", work))
    while not work.begun:
        await asyncio.sleep(0)
    waiting.cancel()
    while not work.cancelled:
        await asyncio.sleep(0)
    work.gate.set()
    assert await once.answer(ANYONE, b"key", "/a", b"{}", work) == b"2"


async def test_a_refusal_is_not_kept() -> None:
    once, work = Once(60, 1 << 20), Counted()

    async def refuse() -> bytes:
        raise Refusal(ErrorCode.SESSION_BUSY, "busy")

    with pytest.raises(Refusal):
        await once.answer(ANYONE, b"key", "/a", b"{}", refuse)
    assert await once.answer(ANYONE, b"key", "/a", b"{}", work) == b"1"


async def test_answers_go_after_their_time_and_when_there_are_too_many_bytes() -> None:
    now = 0.0
    once, work = Once(60, 2_000, lambda: now), Counted()
    await once.answer(ANYONE, b"first", "/a", b"{}", work)
    now = 61.0
    assert await once.answer(ANYONE, b"first", "/a", b"{}", work) == b"2"
    for key in (b"second", b"third", b"fourth"):
        await once.answer(ANYONE, key, "/a", b"{}", work)
    assert once.bytes <= 2_000
    assert await once.answer(ANYONE, b"fourth", "/a", b"{}", work) == b"5"
    assert await once.answer(ANYONE, b"first", "/a", b"{}", work) == b"6"
