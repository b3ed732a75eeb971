"""`functions`: what tools change, what is right, and users that are written down or played by a model."""

from typing import Any

import pytest

from veriward.environments import begin, environments
from veriward.environments.functions.domain import Domain, domains
from veriward.environments.functions.rules import run
from veriward.environments.tools import ToolError
from veriward.environments.world import KnownWorld, WantedReply
from veriward.verifiers.asking import Offered, Replies, Reply
from veriward.verifiers.validation import validated
from veriward.verifiers.verdict import InvalidTask

KNOWN = environments()["functions"]
ORDERS = domains()["orders"]
CANCEL = dict(KNOWN.examples[0].task)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def test_the_domains_that_come_along() -> None:
    assert set(domains()) == {"orders", "clinic"}


def test_a_tool_changes_a_copy_of_the_state() -> None:
    after, told = run(ORDERS.tools["cancel_order"], {"order_id": "1001"}, ORDERS.state)
    assert (after["orders"]["1001"]["status"], after["customers"]["ada"]["credit"]) == ("cancelled", 24.5)
    assert told["status"] == "cancelled"
    assert ORDERS.state["orders"]["1001"]["status"] == "pending"


TOLD: dict[str, tuple[str, dict[str, Any], str]] = {
    "what is against the rules": ("cancel_order", {"order_id": "1003"}, "the order is shipped"),
    "an order that there is none of": ("get_order", {"order_id": "9"}, "no '9'"),
    "a path for an id": ("get_order", {"order_id": "1001.status"}, "no '1001·status'"),
    "an amount below its bound": ("give_credit", {"customer_id": "ada", "amount": -1.0}, "below 0"),
}


@pytest.mark.parametrize(("name", "arguments", "said"), TOLD.values(), ids=TOLD)
def test_what_can_not_be_done_is_told(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolError, match=said):
        run(ORDERS.tools[name], arguments, ORDERS.state)


def outcome(task: dict[str, Any], *actions: Any) -> tuple[float | None, str]:
    play, turn = begin(KNOWN, validated(KNOWN.task, task), KnownWorld())
    for action in actions:
        turn = play.step(action)
    return turn.parts.get("outcome"), turn.reason


DONE = (call("cancel_order", order_id="1001"), "24.5 are on your account.")
JUDGED: dict[str, tuple[dict[str, Any], tuple[Any, ...], float | None, str]] = {
    "all is done and told": (CANCEL, DONE, 1.0, ""),
    "nothing is done": (CANCEL, ("I can't. 24.5",), 0.0, "at customers.ada.credit"),
    "something is done beside": (
        CANCEL,
        (call("change_address", order_id="1001", address="x"), *DONE),
        0.0,
        "at orders.1001.address",
    ),
    "the user is not told": (CANCEL, (DONE[0], "Done."), 0.0, "not told '24.5'"),
    "what is forbidden is used": (
        {**CANCEL, "forbidden": ["get_order"]},
        (call("get_order", order_id="1001"), *DONE),
        0.0,
        "which is forbidden",
    ),
    "the user answers a question first": (CANCEL, ("Please confirm.",), None, ""),
}


@pytest.mark.parametrize(("task", "actions", "earned", "reason"), JUDGED.values(), ids=JUDGED)
def test_the_state_that_is_left_decides(
    task: dict[str, Any], actions: tuple[Any, ...], earned: float | None, reason: str
) -> None:
    given, told = outcome(task, *actions)
    assert given == earned
    assert reason in told


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "a domain that there is none of": ({**CANCEL, "domain": "bank"}, "domain"),
    "a user who says nothing": ({**CANCEL, "user": {}}, "user.says"),
    "a tool that there is none of": ({**CANCEL, "forbidden": ["fly"]}, "forbidden"),
    "a change of no place": ({**CANCEL, "changes": {"orders.9.status": "x"}}, "changes"),
    "a domain of one's own that is none": ({**CANCEL, "domain": {"name": "x"}}, "domain.policy"),
}


@pytest.mark.parametrize(("task", "field"), INVALID.values(), ids=INVALID)
def test_a_task_that_can_not_be_right_is_refused(task: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTask) as refused:
        validated(KNOWN.task, task)
    assert refused.value.field == field


def test_a_domain_of_ones_own_is_played() -> None:
    own = {
        "name": "lamp",
        "policy": "Switch it.",
        "state": {"lamp": {"on": False}},
        "tools": {"switch": {"description": "Switch it on.", "set": {"lamp.on": True}}},
    }
    assert Domain.model_validate(own).tools["switch"].set == {"lamp.on": True}
    task = {"domain": own, "user": {"says": ["Light, please."]}, "changes": {"lamp.on": True}}
    assert outcome(task, call("switch"), "There.") == (1.0, "")


def test_a_user_that_a_model_plays_is_asked_and_ends_the_talk() -> None:
    task = validated(KNOWN.task, {**CANCEL, "user": {"model": "user", "instruction": "Cancel order 1001."}})
    offered = {"user": Offered("openai_chat")}
    with pytest.raises(WantedReply) as first:
        begin(KNOWN, task, KnownWorld(replies=Replies(offered)))
    known = {first.value.request.key: Reply("Cancel 1001.")}
    play, turn = begin(KNOWN, task, KnownWorld(replies=Replies(offered, known)))
    assert turn.observation.endswith("The user says: Cancel 1001.")
    play.step(DONE[0])
    with pytest.raises(WantedReply) as second:
        play.step(DONE[1])
    assert ("user", DONE[1]) in second.value.request.messages


def test_a_model_that_there_is_none_of_is_the_tasks_fault() -> None:
    task = validated(KNOWN.task, {**CANCEL, "user": {"model": "user"}})
    with pytest.raises(InvalidTask):
        begin(KNOWN, task, KnownWorld())
