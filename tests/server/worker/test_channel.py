"""Frames over a socket, and peers that go away at the worst moment."""

import asyncio
import socket

from veriward.sandbox.frames import pack
from veriward.server.worker.channel import Channel


async def test_frames_arrive_whole_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    heard: list[tuple[bytes, bytes]] = []
    await Channel.open(ours, lambda kind, payload: heard.append((kind, payload)), lambda: None)
    sent = pack(b"A", b"first") + pack(b"B") + pack(b"C", bytes(1000))
    with theirs:
        for at in range(0, len(sent), 7):
            theirs.sendall(sent[at : at + 7])
            await asyncio.sleep(0)
        while len(heard) < 3:
            await asyncio.sleep(0)
    assert heard == [(b"A", b"first"), (b"B", b""), (b"C", bytes(1000))]


async def test_a_peer_that_is_gone_shows_and_nothing_is_sent_to_it() -> None:
    ours, theirs = socket.socketpair()
    lost: list[bool] = []
    channel = await Channel.open(ours, lambda kind, payload: None, lambda: lost.append(True))
    assert channel.is_open
    theirs.close()
    while not lost:
        await asyncio.sleep(0)
    channel.send(b"A", b"into the void")
    assert not channel.is_open
    assert lost == [True]
