"""`Episode` and `AsyncEpisode`: multi-turn environments on a Veriward server, closed at the end of their context."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

from veriward.client.episode_calls import STEP_SECONDS, Action, EpisodeCalls
from veriward.client.errors import RequestRefused
from veriward.client.exchange import Conversation
from veriward.wire import EpisodeInfo, EpisodeList, EpisodeState, ErrorCode, StepResult

Drive = Callable[[Conversation[Any]], Any]
AsyncDrive = Callable[[Conversation[Any]], Awaitable[Any]]
_GONE = (ErrorCode.EPISODE_LOST, ErrorCode.EPISODE_UNKNOWN)


class _Known:
    """What is known of an episode on this side. `number` is that of its last turn."""

    def __init__(self, told: EpisodeList, info: EpisodeInfo) -> None:
        self.id = info.id
        self.seed = info.seed
        self.observation = info.observation
        self.messages = info.messages
        self.tools = told.tools
        self.hint = told.hint
        self.number = info.step
        self.done = False

    def _take(self, result: StepResult) -> StepResult:
        if result.status == "played":
            self.number = result.step
            self.observation, self.messages = result.observation, result.messages
            self.done = result.done
        return result


class Episode(_Known):
    """One episode, by its `id`; `observation` is the last one, `tools` are declared as OpenAI has them.

    Not for two threads at once: it plays one turn at a time.
    """

    def __init__(self, calls: EpisodeCalls, drive: Drive, told: EpisodeList, info: EpisodeInfo) -> None:
        super().__init__(told, info)
        self._calls = calls
        self._drive = drive

    def step(self, action: Action, *, deadline_seconds: float = STEP_SECONDS) -> StepResult:
        """Play a turn: text in the episode's dialect, or a message. It is numbered, so that no retry plays it twice.

        `result.reward` is None where it was not played, by our fault: the same action may then be sent again.
        """
        return self._take(self._drive(self._calls.step(self.id, action, self.number + 1, deadline_seconds)))

    def fork(self, count: int = 1) -> "list[Episode]":
        """`count` episodes that begin where this one is."""
        told: EpisodeList = self._drive(self._calls.fork(self.id, count))
        return [Episode(self._calls, self._drive, told, one) for one in told.episodes]

    def state(self) -> EpisodeState:
        """What it is at, with its transcript. Does not count as use."""
        state: EpisodeState = self._drive(self._calls.state(self.id))
        return state

    def close(self) -> None:
        """End it. Nothing happens if it is gone already."""
        try:
            self._drive(self._calls.close(self.id))
        except RequestRefused as gone:
            _require_gone(gone)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncEpisode(_Known):
    """`Episode` for asyncio: the same calls, awaited. Closing it ends the tool call that it plays."""

    def __init__(self, calls: EpisodeCalls, drive: AsyncDrive, told: EpisodeList, info: EpisodeInfo) -> None:
        super().__init__(told, info)
        self._calls = calls
        self._drive = drive

    async def step(self, action: Action, *, deadline_seconds: float = STEP_SECONDS) -> StepResult:
        """See `Episode.step`."""
        return self._take(await self._drive(self._calls.step(self.id, action, self.number + 1, deadline_seconds)))

    async def fork(self, count: int = 1) -> "list[AsyncEpisode]":
        """See `Episode.fork`."""
        told: EpisodeList = await self._drive(self._calls.fork(self.id, count))
        return [AsyncEpisode(self._calls, self._drive, told, one) for one in told.episodes]

    async def state(self) -> EpisodeState:
        """See `Episode.state`."""
        state: EpisodeState = await self._drive(self._calls.state(self.id))
        return state

    async def close(self) -> None:
        """See `Episode.close`."""
        try:
            await self._drive(self._calls.close(self.id))
        except RequestRefused as gone:
            _require_gone(gone)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self.close())


def next_steps(episodes: Sequence[_Known], actions: Sequence[Action]) -> list[tuple[str, Action, int]]:
    if len(episodes) != len(actions):
        raise ValueError(f"{len(actions)} actions for {len(episodes)} episodes: give one each")
    return [(one.id, action, one.number + 1) for one, action in zip(episodes, actions, strict=True)]


def took(episodes: Sequence[_Known], results: Sequence[StepResult]) -> list[StepResult]:
    return [one._take(result) for one, result in zip(episodes, results, strict=True)]


def _require_gone(refused: RequestRefused) -> None:
    if refused.problem.code not in _GONE:
        raise refused
