"""Begins, steps, forks, replays and ends episodes: one turn at a time of each, and each numbered turn once."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from difflib import get_close_matches
from hashlib import sha256
from typing import Any

from pydantic_core import to_json

from veriward.environments import Known, environments
from veriward.environments.dialects import DIALECTS
from veriward.sandbox.errors import SandboxError
from veriward.sandbox.session import ForkRefused
from veriward.server.edge import Arrival
from veriward.server.episodes.book import EpisodeBook
from veriward.server.episodes.record import Episode, Playing, copied
from veriward.server.episodes.replay import difference
from veriward.server.episodes.turns import Turns
from veriward.server.gateway import Gateway
from veriward.server.problems import Refusal, invalid_fields
from veriward.wire import (
    ActionMessage,
    EpisodeInfo,
    EpisodeList,
    EpisodeMessage,
    EpisodeRequest,
    EpisodeState,
    ErrorCode,
    FieldError,
    ReplayRequest,
    ReplayResult,
    StepItem,
    StepRequest,
    StepResult,
    StepsRequest,
    StepsResponse,
    Transcript,
)

MAX_SEED = 2**53  # of those that are drawn here: exact in every JSON reader
MAX_DIFFERENCES = 5


class Episodes:
    """The episodes of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.book = EpisodeBook(gateway.settings, self._leave)
        self._turns = Turns(gateway, self.book.ends, self.book.grew)

    @property
    def steps(self) -> Counter[tuple[str, str]]:
        """Turns, by environment and status."""
        return self._turns.steps

    async def create(self, asked: EpisodeRequest, came: Arrival) -> EpisodeList:
        """All of them, or none. Raises `Refusal`."""
        known = self._known(asked)
        if asked.idle_seconds > self._gateway.settings.episode_idle_seconds:
            most = self._gateway.settings.episode_idle_seconds
            raise invalid_fields([FieldError(field="idle_seconds", message=f"must be at most {most:g} here")])
        if asked.seeds is not None and (asked.seed is not None or len(asked.seeds) != asked.count):
            raise invalid_fields([FieldError(field="seeds", message="must be `count` of them, and no `seed` beside")])
        self.book.admit(came.caller.key_digest, asked.count)
        seeds = asked.seeds or [secrets.randbelow(MAX_SEED) if asked.seed is None else asked.seed] * asked.count
        distinct = list(dict.fromkeys(seeds))
        begun = await _all([self._turns.begin(asked, known, seed, came.caller.key_digest) for seed in distinct])
        first = dict(zip(distinct, begun, strict=True))
        episodes = [copied(first[seed]) for seed in seeds]
        self.book.admit(came.caller.key_digest, asked.count)  # others may have come meanwhile
        self.book.enter(episodes)
        return self._listed(came.request_id, known, asked, episodes)

    async def step(self, id: str, asked: StepRequest, came: Arrival) -> StepResult:
        """Play a turn. A numbered one goes on when its client hangs up, and is there for who asks again."""
        episode = self.book.get(id, came.caller.key_digest)
        action = _plain(asked.action)
        digest = sha256(to_json(action)).digest()
        playing = episode.playing
        if playing is not None:
            if asked.step != playing.number or digest != playing.digest:
                raise Refusal(ErrorCode.EPISODE_BUSY, f"step {playing.number} of the episode is being played")
            return await _outcome(playing.task, id, playing.number, shielded=True)
        if asked.step is not None and asked.step == episode.step and episode.last is not None:
            if digest != episode.digest:
                raise Refusal(ErrorCode.WRONG_STEP, f"step {asked.step} was played with another action")
            episode.use()
            return episode.last
        if episode.lost:
            raise Refusal(ErrorCode.EPISODE_LOST, f"the episode is lost: {episode.lost}", reason=episode.lost)
        if episode.ended:
            raise Refusal(ErrorCode.EPISODE_ENDED, f"the episode ended with step {episode.step}")
        number = episode.step + 1
        if asked.step is not None and asked.step != number:
            raise Refusal(ErrorCode.WRONG_STEP, f"step {number} is next, not {asked.step}")
        deadline = time.monotonic() + asked.deadline_seconds
        task = asyncio.get_running_loop().create_task(self._turns.play(episode, number, action, digest, deadline))
        task.add_done_callback(_heard)
        episode.playing = Playing(number, digest, task)
        return await _outcome(task, id, number, shielded=asked.step is not None)

    async def step_all(self, asked: StepsRequest, came: Arrival) -> StepsResponse:
        """Play a turn of each. What is refused of one is told in its place."""

        async def one(item: StepItem) -> StepResult:
            single = StepRequest.model_construct(
                action=item.action, step=item.step, deadline_seconds=asked.deadline_seconds
            )
            try:
                return await self.step(item.id, single, came)
            except Refusal as refused:
                return StepResult(
                    id=item.id, step=item.step or 0, status="refused", code=refused.code, reason=refused.detail
                )

        return StepsResponse(request_id=came.request_id, results=await _all([one(item) for item in asked.steps]))

    def look(self, id: str, came: Arrival) -> EpisodeState:
        episode = self.book.get(id, came.caller.key_digest)
        parts: Counter[str] = Counter()
        for turn in episode.turns:
            parts.update(turn.parts)
        last = episode.last
        return EpisodeState(
            id=episode.id,
            state="lost" if episode.lost else "ended" if episode.ended else "live",
            step=episode.step,
            running=episode.playing is not None,
            reward=sum(turn.reward or 0.0 for turn in episode.turns),
            parts=dict(parts),
            metrics=episode.metrics,
            terminated=last is not None and last.terminated,
            truncated=last is not None and last.truncated,
            verdict=None if last is None else last.verdict,
            unused_seconds=round(time.monotonic() - episode.used, 3),
            reason=episode.lost or ("" if last is None else last.reason),
            transcript=_transcript(episode),
        )

    async def fork(self, id: str, count: int, came: Arrival) -> EpisodeList:
        """`count` episodes that begin where this one is. Raises `Refusal`."""
        episode = self.book.get(id, came.caller.key_digest)
        if episode.playing is not None:
            raise Refusal(ErrorCode.EPISODE_BUSY, f"step {episode.playing.number} of the episode is being played")
        if episode.ended or episode.lost:
            raise Refusal(ErrorCode.EPISODE_ENDED, "an episode that is over is not forked")
        self.book.admit(episode.owner, count)
        sessions: Sequence[str | None] = [None] * count
        if episode.session is not None:
            try:
                sessions = await self._turns.outside.fork(episode.session, episode.owner, count)
            except ForkRefused as refused:
                raise Refusal(ErrorCode.FORK_REFUSED, str(refused)) from None
            except SandboxError as fault:
                raise Refusal(ErrorCode.FORK_REFUSED, f"its interpreter can't be forked: {fault}") from None
        branches = [copied(episode) for _ in range(count)]
        for branch, session in zip(branches, sessions, strict=True):
            branch.session = session
        self.book.enter(branches)
        episode.use()
        return self._listed(came.request_id, self._known(episode.asked), episode.asked, branches)

    async def close(self, id: str, came: Arrival) -> None:
        """End it, with whatever it plays."""
        episode = self.book.get(id, came.caller.key_digest)
        if episode.playing is not None:
            episode.playing.task.cancel()
        await self.book.close(episode)

    async def replay(self, asked: ReplayRequest, came: Arrival) -> ReplayResult:
        """Play a transcript anew; what differs is told."""
        told = asked.transcript
        request = EpisodeRequest(
            environment=told.environment,
            task=told.task,
            seed=told.seed,
            dialect=told.dialect,
            budget=told.budget,
            rewards=told.rewards,
        )
        known = self._known(request)
        deadline = time.monotonic() + asked.deadline_seconds
        episode = await self._turns.begin(request, known, told.seed, came.caller.key_digest, deadline)
        found = [] if episode.observation == told.observation else ["the first observation is another"]
        results: list[StepResult] = []
        try:
            for number, turn in enumerate(told.turns, 1):
                if episode.ended:
                    found.append(f"it ended with turn {episode.step} of {len(told.turns)}")
                    break
                action = _plain(turn.action)
                result = await self._turns.play(episode, number, action, sha256(to_json(action)).digest(), deadline)
                results.append(result)
                if result.status != "played":
                    found.append(f"turn {number} was not played: {result.status}, {result.reason}")
                    break
                found += [f"turn {number}: {said}" for said in difference(turn, result)]
        finally:
            await self._turns.leave(episode)
        return ReplayResult(
            request_id=came.request_id,
            same=not found,
            differences=found[:MAX_DIFFERENCES],
            version=known.version,
            reward=sum(result.reward or 0.0 for result in results),
            turns=results,
        )

    def _known(self, asked: EpisodeRequest) -> Known:
        known = environments().get(asked.environment)
        if known is None:
            close = get_close_matches(asked.environment[:100], environments(), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise invalid_fields([FieldError(field="environment", message=f"is not one of those here{hint}")])
        if "python" in known.uses:
            self._gateway.running_sessions()
        return known

    async def _leave(self, episode: Episode) -> None:
        await self._turns.leave(episode)

    def _listed(self, request_id: str, known: Known, asked: EpisodeRequest, listed: Sequence[Episode]) -> EpisodeList:
        return EpisodeList(
            request_id=request_id,
            environment=known.name,
            version=known.version,
            dialect=asked.dialect,
            hint=DIALECTS[asked.dialect].hint,
            tools=listed[0].tools,
            idle_seconds=asked.idle_seconds,
            episodes=[
                EpisodeInfo(
                    id=one.id,
                    seed=one.seed,
                    observation=one.turns[-1].observation if one.turns else one.observation,
                    messages=one.turns[-1].messages if one.turns else [_first(one)],
                    step=one.step,
                )
                for one in listed
            ],
        )


def _first(episode: Episode) -> EpisodeMessage:
    return EpisodeMessage(origin="user", content=episode.observation)


def _plain(action: Any) -> Any:
    return action.model_dump(mode="json", exclude_unset=True) if isinstance(action, ActionMessage) else action


def _transcript(episode: Episode) -> Transcript:
    asked = episode.asked
    return Transcript(
        environment=asked.environment,
        version=episode.version,
        task=asked.task,
        seed=episode.seed,
        dialect=asked.dialect,
        budget=asked.budget,
        rewards=asked.rewards,
        observation=episode.observation,
        turns=episode.turns,
    )


async def _all(work: Sequence[Awaitable[Any]]) -> list[Any]:
    """The outcomes in order; at the first fault, or when cancelled, the rest is cancelled and waited for."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _outcome(task: "asyncio.Task[StepResult]", id: str, number: int, *, shielded: bool) -> StepResult:
    """What a turn led to; one that was ended with its episode is told as cancelled. `shielded`: it outlives us."""
    try:
        return await (asyncio.shield(task) if shielded else task)
    except asyncio.CancelledError:
        waiting = asyncio.current_task()
        if not task.cancelled() or (waiting is not None and waiting.cancelling()):
            raise
        return StepResult(id=id, step=number, status="cancelled", reason="the episode was closed")


def _heard(task: "asyncio.Task[StepResult]") -> None:
    """A turn may end when nobody waits for it any more."""
    if not task.cancelled():
        task.exception()
