"""Frames over a connected socket in an asyncio loop."""

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from veriward.sandbox.frames import HEADER, MAX_FRAME_BYTES, pack


class Channel(asyncio.Protocol):
    """Calls `on_frame(kind, payload)` for each frame and `on_lost()` once, after the last."""

    def __init__(self, on_frame: Callable[[bytes, bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls, sock: socket.socket, on_frame: Callable[[bytes, bytes], None], on_lost: Callable[[], None]
    ) -> "Channel":
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: cls(on_frame, on_lost), sock=sock)
        return channel

    @property
    def is_open(self) -> bool:
        """False once the peer is gone, which may be before `open` has returned."""
        return self._transport is not None

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        """Queue a frame; nothing happens when the peer is gone, which `on_lost` tells."""
        self.write(pack(kind, payload))

    def write(self, frames: bytes) -> None:
        """Queue packed frames: one system call for all of them."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frames)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.set_write_buffer_limits(high=MAX_FRAME_BYTES)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= HEADER.size:
            kind, size = HEADER.unpack_from(buffer, at)
            if size > MAX_FRAME_BYTES:
                self.close()
                return
            end = at + HEADER.size + size
            if len(buffer) < end:
                break
            payload = bytes(memoryview(buffer)[at + HEADER.size : end])
            at = end
            self._on_frame(kind, payload)
        if at:
            del buffer[:at]

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._on_lost()
