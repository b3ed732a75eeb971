"""One connection to Redis that pipelines commands; the only file that imports `redis`.

All keys of a fleet lie in one slot, so a Redis Cluster is one node that may move: `MOVED` is followed. A connection
that fails is dropped, and the next command makes another; whether one that got no answer was carried out is unknown.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from veriward.server.queue.redis.troubles import Full, NoGroup, RedisTrouble, Unreachable, Unusable

CONNECT_SECONDS = 3.0
COMMAND_SECONDS = 5.0  # for an answer; blocking commands add what they block
MAX_MOVES = 3

Command = Sequence[bytes | str | int | float]


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is: `redis://`, `rediss://` (TLS) or `unix://`, with user, password and database in the URL."""

    url: str
    password_file: Path | None = None
    ca_file: Path | None = None

    def __str__(self) -> str:
        """Without the password, which a query may hold, too."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    def connection(self, moved_to: tuple[str, int] | None) -> AbstractConnection:
        """Raises `Unusable` where the address cannot be one."""
        given: dict[str, Any] = {}
        if self.password_file is not None:
            try:
                given["password"] = self.password_file.read_text("utf-8").strip()
            except OSError as error:
                raise Unusable(f"redis_password_file {self.password_file}: {error.strerror}") from None
        try:
            pool = ConnectionPool.from_url(
                self.url,
                protocol=2,
                decode_responses=False,
                socket_timeout=None,  # whole pipelines have one
                socket_connect_timeout=CONNECT_SECONDS,
                retry=Retry(NoBackoff(), 0),
                **given,
            )
        except ValueError as error:
            raise Unusable(f"redis_url {str(self)!r}: {error}") from None
        options = pool.connection_kwargs
        if self.ca_file is not None and self.url.startswith("rediss"):
            options["ssl_ca_certs"] = str(self.ca_file)
        if moved_to is not None:
            options["host"], options["port"] = moved_to
        connection: AbstractConnection = pool.connection_class(**options)
        return connection


class Link:
    """Commands go out together and come back in order; one pipeline at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._connection: AbstractConnection | None = None
        self._moved_to: tuple[str, int] | None = None
        self._lock = asyncio.Lock()
        self.connections = 0  # made so far: who reads a stream begins anew when this has changed

    async def pipe(self, commands: Sequence[Command], block_seconds: float = 0.0) -> list[Any]:
        """A reply for each, or the trouble it met. Raises `Unreachable` or `Unusable` where all of them did."""
        async with self._lock:
            for _ in range(MAX_MOVES):
                replies = await self._pipe(commands, block_seconds)
                moved = next((reply for reply in replies if isinstance(reply, MovedError)), None)
                if moved is None:
                    return replies
                self._moved_to = moved.host or self._host(), moved.port
                await self._drop()
            raise Unreachable(f"Redis at {self.address}: the cluster's slots keep moving")

    async def call(self, *command: bytes | str | int | float, block_seconds: float = 0.0) -> Any:
        """The reply of one command. Raises `RedisTrouble`."""
        (reply,) = await self.pipe([command], block_seconds)
        if isinstance(reply, RedisTrouble):
            raise reply
        return reply

    async def close(self) -> None:
        await self._drop()

    def _host(self) -> str:
        return urlsplit(self.address.url).hostname or "localhost"

    async def _pipe(self, commands: Sequence[Command], block_seconds: float) -> list[Any]:
        replies: list[Any] = []
        done = False
        try:
            async with asyncio.timeout(COMMAND_SECONDS + block_seconds):
                connection = await self._connected()
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                for _ in commands:
                    try:
                        replies.append(await connection.read_response())
                    except ResponseError as error:
                        replies.append(error if isinstance(error, MovedError) else self._trouble(error))
            done = True
        except RedisTrouble:
            raise
        except TimeoutError:
            raise Unreachable(f"Redis at {self.address} does not answer within {COMMAND_SECONDS:g} s") from None
        except (RedisError, OSError) as error:
            raise self._trouble(error) from None
        finally:
            if not done:
                await self._drop()
        lost = next((reply for reply in replies if isinstance(reply, Unreachable)), None)
        if lost is not None:
            await self._drop()
            raise lost
        return replies

    async def _connected(self) -> AbstractConnection:
        connection = self._connection
        if connection is None or not connection.is_connected:
            connection = self.address.connection(self._moved_to)
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
            except BaseException:
                self._moved_to = None  # that node may be gone: ask again where the keys are
                raise
            self._connection = connection
            self.connections += 1
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _trouble(self, error: Exception) -> RedisTrouble:
        where, said = f"Redis at {self.address}", str(error)
        if isinstance(error, OutOfMemoryError):
            return Full(f"{where} is full: raise its maxmemory, or lower queue_max_rollouts")
        if isinstance(error, (AuthenticationError, AuthorizationError)) or said.startswith(("NOAUTH", "WRONGPASS")):
            return Unusable(f"{where} refuses the password: give it in redis_url or redis_password_file ({said})")
        if isinstance(error, NoPermissionError):
            return Unusable(f"{where}: the user's rights do not suffice ({said}); docs/operations.md has the ACL")
        if isinstance(
            error, (ReadOnlyError, BusyLoadingError, ClusterDownError, MasterDownError, TryAgainError)
        ) or not isinstance(error, ResponseError):
            return Unreachable(f"{where} cannot be used now: {said}")
        if said.startswith(("NOGROUP", "UNBLOCKED")) or "no such key" in said.lower():
            return NoGroup(f"{where}: {said}")
        if "MISCONF" in said:
            return Full(f"{where} cannot write to its disk: {said}")
        return Unusable(f"{where} refused a command: {said}")
