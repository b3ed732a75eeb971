"""Servers that others wrote, started here for as long as the tests need them."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis_process import RedisProcess


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisProcess]:
    """One Redis for all tests that leave it as it is; each takes keys of another prefix."""
    with tempfile.TemporaryDirectory(prefix="vw-redis-") as folder:  # short: a socket's path has 107 bytes
        server = RedisProcess(Path(folder))
        server.start()
        yield server
        server.kill()


@pytest.fixture
def own_redis() -> Iterator[Callable[..., RedisProcess]]:
    """`own_redis("--maxmemory", "8mb", port=…)`: a Redis that the test may stop, fill and kill."""
    servers: list[RedisProcess] = []
    with tempfile.TemporaryDirectory(prefix="vw-redis-") as folder:

        def start(*options: str, **named: Any) -> RedisProcess:
            server = RedisProcess(Path(folder) / str(len(servers)), *options, **named)
            servers.append(server)
            server.start()
            return server

        yield start
        for server in servers:
            server.kill()
