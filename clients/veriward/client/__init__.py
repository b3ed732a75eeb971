"""`Client` and `AsyncClient`: rewards from a Veriward server, with httpx and pydantic alone."""

from veriward.client.awaited import AsyncClient
from veriward.client.blocking import Client
from veriward.client.episodes import AsyncEpisode, Episode
from veriward.client.errors import (
    ConnectionFailed,
    DeadlineExceeded,
    RequestRefused,
    ServerFailed,
    ServerOverloaded,
    SessionLost,
    StreamBroken,
    UnexpectedAnswer,
    VeriwardError,
)
from veriward.client.jobs import AsyncJob, Job
from veriward.client.payload import Limits, Reply, Task
from veriward.client.rewards import mask, rewards_or_nan, rewards_or_none
from veriward.client.sessions import AsyncSession, Session

__all__ = [
    "AsyncClient",
    "AsyncEpisode",
    "AsyncJob",
    "AsyncSession",
    "Client",
    "ConnectionFailed",
    "DeadlineExceeded",
    "Episode",
    "Job",
    "Limits",
    "Reply",
    "RequestRefused",
    "ServerFailed",
    "ServerOverloaded",
    "Session",
    "SessionLost",
    "StreamBroken",
    "Task",
    "UnexpectedAnswer",
    "VeriwardError",
    "mask",
    "rewards_or_nan",
    "rewards_or_none",
]
