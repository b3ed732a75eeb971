"""The user that a model serves: one who says what is written down, or one that a model plays."""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from veriward.environments.world import World
from veriward.verifiers.asking import Request

STOP = "###STOP###"  # by which a user that a model plays ends the talk, as in tau-bench
MAX_SAYINGS = 64
MAX_SAID_CHARS = 10_000
MAX_HEARD_CHARS = 20_000  # of the conversation, for a user that a model plays

Saying = Annotated[str, Field(max_length=MAX_SAID_CHARS)]
Turn = tuple[Literal["user", "assistant"], str]


class User(BaseModel):
    """`says`: what a scripted user says, one after the other; `answers`: what they say instead when the model's words
    hold the key. With `model`, an endpoint of the server, a model plays the user by `instruction`; it ends the talk by
    ###STOP###."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    says: Annotated[tuple[Saying, ...], Field(max_length=MAX_SAYINGS)] = ()
    answers: Annotated[dict[str, Saying], Field(max_length=MAX_SAYINGS)] = {}
    model: str | None = Field(default=None, max_length=100)
    instruction: str = Field(default="", max_length=MAX_SAID_CHARS)

    def speak(self, talk: list[Turn], said: int, world: World) -> str | None:
        """What they say next, having said `said` things of their script; None when they have nothing more to say."""
        if self.model is not None:
            reply = world.ask(Request(self.model, (("system", self._role()), *_seen_by_user(talk)))).text
            reply = reply.strip()[:MAX_SAID_CHARS]
            return None if STOP in reply or not reply else reply
        if talk and talk[-1][0] == "assistant":
            heard = talk[-1][1].lower()
            for key, answer in self.answers.items():
                if re.search(rf"\b{re.escape(key.lower())}\b", heard):
                    return answer
        return self.says[said] if said < len(self.says) else None

    def _role(self) -> str:
        return (
            "You play a customer who talks with a service agent. Say one thing at a time, briefly, and tell only what "
            f"your instruction says. When all is done, or can't be, say {STOP}.\n\nInstruction: {self.instruction}"
        )


def _seen_by_user(talk: list[Turn]) -> tuple[Turn, ...]:
    """To the model that plays the user, its own words are the assistant's."""
    kept: list[Turn] = []
    left = MAX_HEARD_CHARS
    for speaker, text in reversed(talk):
        if left <= 0:
            break
        kept.append(("assistant" if speaker == "user" else "user", text[-left:]))
        left -= len(text)
    turned = tuple(reversed(kept))
    return turned if turned else (("user", "Hello, how can I help you?"),)
