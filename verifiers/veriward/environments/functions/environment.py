"""`functions`: serve a user by the tools of a business, judged by what is left of its state."""

import copy
import json
from collections.abc import Mapping
from random import Random
from typing import Annotated, Any

from pydantic import Field, model_validator

from veriward.environments import Call, Environment, EpisodeTask, Example, Step, Tool, environment
from veriward.environments.functions.domain import MAX_STATE_CHARS, Domain, domains
from veriward.environments.functions.rules import run
from veriward.environments.functions.user import Turn, User
from veriward.verifiers.validation import validated
from veriward.verifiers.verdict import InvalidTask

MAX_CHANGES = 64
MAX_TEXTS = 32
MAX_TABLE_STEPS = 16


class FunctionsTask(EpisodeTask):
    """`domain`: the name of one that comes with Veriward, or one of your own as an object.

    `state` replaces places of the domain's state, by path. Right is an episode that leaves the first state with
    `changes` made, place by place, and nothing else; that used none of the `forbidden` tools; and in which the model
    told the user each of `told`.
    """

    domain: str | dict[str, Any]
    user: dict[str, Any]
    state: dict[str, Any] = Field(default={}, max_length=MAX_CHANGES)
    changes: dict[str, Any] = Field(default={}, max_length=MAX_CHANGES)
    forbidden: Annotated[tuple[str, ...], Field(max_length=MAX_TEXTS, strict=False)] = ()
    told: Annotated[tuple[str, ...], Field(max_length=MAX_TEXTS, strict=False)] = ()

    @model_validator(mode="after")
    def _possible(self) -> "FunctionsTask":
        world = self.world()
        if self.speaker().model is None and not self.speaker().says:
            raise InvalidTask("user.says", "a user says something, or is played by a `model`")
        for name in self.forbidden:
            if name not in world.tools:
                raise InvalidTask("forbidden", f"{name[:100]!r} is no tool of {world.name}")
        self.goal()
        return self

    def world(self) -> Domain:
        """Raises `InvalidTask`."""
        if isinstance(self.domain, str):
            if self.domain not in domains():
                raise InvalidTask("domain", f"{self.domain[:100]!r} is not one of {', '.join(domains())}")
            return domains()[self.domain]
        if len(json.dumps(self.domain)) > MAX_STATE_CHARS:
            raise InvalidTask("domain", f"has more than {MAX_STATE_CHARS:,} characters")
        try:
            return validated(Domain, self.domain)
        except InvalidTask as fault:
            raise fault.within("domain") from None

    def speaker(self) -> User:
        try:
            return validated(User, self.user)
        except InvalidTask as fault:
            raise fault.within("user") from None

    def start(self) -> dict[str, Any]:
        return _changed(self.world().state, self.state, "state")

    def goal(self) -> dict[str, Any]:
        """The state that is right."""
        return _changed(self.start(), self.changes, "changes")


_CANCEL = {
    "domain": "orders",
    "user": {
        "says": ["Hi, please cancel my order 1001, I found it cheaper elsewhere."],
        "answers": {"confirm": "Yes, please.", "email": "ada@example.org"},
    },
    "changes": {"orders.1001.status": "cancelled", "customers.ada.credit": 24.5},
    "told": ["24.5"],
}
_MOVE = {
    "domain": "clinic",
    "user": {"says": ["I am Bo Lind. Can I move my appointment to Tuesday morning, at nine?", "Great, thank you."]},
    "changes": {"appointments.a2.slot": "tue-09", "slots.mon-10.free": True, "slots.tue-09.free": False},
    "forbidden": ["cancel_appointment"],
}


def _call(name: str, /, **arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


@environment(
    "functions",
    version=1,
    task=FunctionsTask,
    examples=(
        Example(
            _CANCEL,
            (
                _call("get_order", order_id="1001"),
                "Shall I cancel it? Please confirm.",
                _call("cancel_order", order_id="1001"),
                "Your order is cancelled, and 24.5 were put on your account.",
            ),
            "an order to cancel",
        ),
        Example(
            _MOVE,
            (
                _call("find_patient", name="Bo Lind"),
                _call("find_slots", day="tue"),
                _call("move_appointment", appointment_id="a2", slot_id="tue-09"),
                "It is moved to Tuesday at nine.",
                "You are welcome.",
            ),
            "an appointment to move",
        ),
    ),
)
class Functions(Environment[FunctionsTask]):
    """Serve a user by the tools of a small business, under its policy; judged by the state that is left.

    A turn without a call is said to the user. When the user has no more to say the episode ends: it earns 1 where the
    state is what it should be to the last field, no forbidden tool was used, and the user was told what they should be.
    Domains are data: tools are declared by what they check and change.

    Source of the pattern: tau-bench (Yao et al. 2024, arXiv:2406.12045).
    """

    def reset(self) -> str:
        self.state = copy.deepcopy(self.task.start())
        self.used: list[str] = []
        self.talk: list[Turn] = []
        self.said = 0
        opening = self._speak() or ""
        return f"{self.task.world().policy.strip()}\n\nThe user says: {opening}"

    def tools(self) -> Mapping[str, Tool]:
        if not hasattr(self, "task"):
            return {}
        if isinstance(self.task.domain, str):
            return _declared(self.task.domain)
        return self.task.world().declared()

    def play(self, tool: Tool, arguments: Mapping[str, Any]) -> Step:
        given = tool.read(arguments)
        self.used.append(tool.name)
        self.state, told = run(self.task.world().tools[tool.name], given, self.state)
        return Step(told if isinstance(told, str) else json.dumps(told, ensure_ascii=False))

    def answer(self, text: str) -> Step:
        self.talk.append(("assistant", text))
        said = self._speak()
        if said is not None:
            return Step(said, user=True)
        fault = self._fault()
        return Step(
            outcome=0.0 if fault else 1.0, reason=fault, metrics={"state_right": float(self.state == self.task.goal())}
        )

    def chance(self, rng: Random) -> Call | str:
        name = rng.choice(list(self.tools()))
        fields = self.tools()[name].arguments.model_fields
        return Call(name, dict.fromkeys(fields, "1001")) if rng.random() < 0.7 else "Let me see."

    def _speak(self) -> str | None:
        said = self.task.speaker().speak(self.talk, self.said, self.world)
        if said is not None:
            self.talk.append(("user", said))
            self.said += said in self.task.speaker().says[self.said : self.said + 1]
        return said

    def _fault(self) -> str:
        """What is not as it should be; empty where all is."""
        used = sorted(set(self.used) & set(self.task.forbidden))
        if used:
            return f"it used {', '.join(used)}, which is forbidden"
        place = _difference(self.state, self.task.goal())
        if place:
            return f"the state is not what it should be at {place}"
        spoken = " ".join(text for speaker, text in self.talk if speaker == "assistant").replace(",", "").lower()
        missing = [text for text in self.task.told if text.replace(",", "").lower() not in spoken]
        return f"the user was not told {missing[0]!r}" if missing else ""


_known_tools: dict[str, Mapping[str, Tool]] = {}


def _declared(domain: str) -> Mapping[str, Tool]:
    if domain not in _known_tools:
        _known_tools[domain] = domains()[domain].declared()
    return _known_tools[domain]


def _changed(state: Mapping[str, Any], changes: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The state with the values at these paths; None takes the place away. Raises `InvalidTask`."""
    after: dict[str, Any] = copy.deepcopy(dict(state))
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = after
        for step in way[:MAX_TABLE_STEPS]:
            place = place.get(step) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise InvalidTask(field, f"there is no place {path[:200]!r} in the state")
        if value is None:
            place.pop(last, None)
        else:
            place[last] = copy.deepcopy(value)
    return after


def _difference(one: Any, other: Any, path: str = "") -> str:
    """The first place where two states differ; empty where they are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            found = _difference(one.get(key), other.get(key), f"{path}.{key}" if path else key)
            if found:
                return found
        return ""
    return "" if one == other else path or "its root"
