"""What goes over the wire: JSON of anything a model says, cut to the server's limits and never losing a rollout."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veriward.client.payload import (
    ENVELOPE_BYTES,
    Group,
    Span,
    cut,
    cut_list,
    encode,
    encode_item,
    encode_reply,
    group_rollouts,
    items_json,
)
from veriward.wire import GradeItem, GroupShaping, Message

SAYABLE = {
    "text": "72",
    "other scripts, unescaped": "答案是 72 😀",
    "control characters": "a\x00b\x1f\u2028",
    "a lone high surrogate": "\ud83d",
    "a lone low surrogate among emoji": "😀\ude00",
    "messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": 1}]}],
}


@pytest.mark.parametrize("reply", SAYABLE.values(), ids=SAYABLE)
def test_what_models_say_survives(reply: Any) -> None:
    assert json.loads(encode_reply(reply)) == reply
    assert json.loads(encode_item({"task": {}, "responses": [reply]}).members[0]) == reply


def test_other_scripts_cost_their_own_bytes() -> None:
    assert len(encode("答案是")) == 11


@pytest.mark.parametrize("reply", [None, 72, b"72", {"role": "assistant"}], ids=str)
def test_what_is_no_response_is_refused_before_it_is_sent(reply: Any) -> None:
    with pytest.raises(TypeError, match="text or a list of messages"):
        encode_reply(reply)


def test_what_json_cannot_hold_is_named() -> None:
    with pytest.raises(TypeError, match="date '2024-01-02' has no JSON form"):
        encode({"answer": date(2024, 1, 2)})
    assert encode(math.nan) == b"NaN"


@pytest.mark.parametrize(
    "item",
    [{"task": {}}, {"task": {}, "response": "72"}, {"task": {}, "responses": "72"}, {"task": {}, "responses": []}],
    ids=str,
)
def test_an_item_without_a_list_of_responses_is_refused_before_it_is_sent(item: Any) -> None:
    with pytest.raises(ValueError, match="'responses'"):
        encode_item(item)


def test_an_item_is_the_same_as_an_object_or_as_fields() -> None:
    fields = {"id": "a", "task": {"verifier": "math"}, "responses": ["72", [Message(role="user", content="x")]]}
    as_object = encode_item(GradeItem.model_validate(fields))
    assert as_object == encode_item(fields)
    assert as_object.members == [b'"72"', b'[{"role":"user","content":"x"}]']


def test_equal_tasks_are_one_item_but_1_is_not_true() -> None:
    tasks = [{"answer": 1}, {"answer": True}, {"answer": 1}, {"answer": 1.0}]
    groups, order = group_rollouts([(encode(task), b'"%d"' % row) for row, task in enumerate(tasks)])
    assert [group.members for group in groups] == [[b'"0"', b'"2"'], [b'"1"'], [b'"3"']]
    assert order == [0, 2, 1, 3]


def group(head_bytes: int, *member_bytes: int) -> Group:
    return Group(
        b'{"task":"%b","responses":[' % (b"t" * head_bytes), [b'"%b"' % (b"r" * size) for size in member_bytes]
    )


def together(head_bytes: int, *member_bytes: int) -> Group:
    return replace(group(head_bytes, *member_bytes), together=True)


def test_an_item_with_group_shaping_stays_together() -> None:
    item = {"task": {"answer": "1"}, "responses": ["1", "2"]}
    assert not encode_item(item).together
    shaped = encode_item({**item, "group_shaping": [{"kind": "majority"}]})
    assert shaped.together
    assert json.loads(items_json([shaped], [Span(0, 0, 2)]))[0]["group_shaping"] == [{"kind": "majority"}]
    model = GradeItem(task={"answer": "1"}, responses=["1"], group_shaping=(GroupShaping(kind="majority"),))
    assert json.loads(items_json([encode_item(model)], [Span(0, 0, 1)]))[0]["group_shaping"] == [{"kind": "majority"}]


CUTS: dict[str, tuple[list[Group], int, int, list[list[tuple[int, int, int]]]]] = {
    "all fits": ([group(1, 1, 1), group(1, 1)], 10, 9000, [[(0, 0, 2), (1, 0, 1)]]),
    "exactly as many as fit": ([group(1, 1, 1)], 2, 9000, [[(0, 0, 2)]]),
    "one more": ([group(1, 1, 1, 1)], 2, 9000, [[(0, 0, 2)], [(0, 2, 3)]]),
    "a cut between groups": ([group(1, 1, 1), group(1, 1)], 2, 9000, [[(0, 0, 2)], [(1, 0, 1)]]),
    "a cut within a group": ([group(1, 1), group(1, 1, 1)], 2, 9000, [[(0, 0, 1), (1, 0, 1)], [(1, 1, 2)]]),
    "a member too large on its own": ([group(1, 1, 5000, 1)], 9, 3000, [[(0, 0, 1)], [(0, 1, 2)], [(0, 2, 3)]]),
    "a group that stays together goes on as a whole": (
        [group(1, 1), together(1, 1, 1), group(1, 1)],
        2,
        9000,
        [[(0, 0, 1)], [(1, 0, 2)], [(2, 0, 1)]],
    ),
    "and where it fits, in company": ([group(1, 1), together(1, 1, 1)], 3, 9000, [[(0, 0, 1), (1, 0, 2)]]),
    "too many to stay together are for the server to refuse": (
        [group(1, 1), together(1, 1, 1, 1), group(1, 1)],
        2,
        9000,
        [[(0, 0, 1)], [(1, 0, 3)], [(2, 0, 1)]],
    ),
    "too large to stay together likewise": (
        [group(1, 1), together(1, 1500, 1500), group(1, 1)],
        9,
        3000,
        [[(0, 0, 1)], [(1, 0, 2)], [(2, 0, 1)]],
    ),
    "a task so large that it takes only one": ([group(1500, 400, 400)], 9, 3000, [[(0, 0, 1)], [(0, 1, 2)]]),
}


@pytest.mark.parametrize(("groups", "most", "room", "expected"), CUTS.values(), ids=CUTS)
def test_cuts(groups: list[Group], most: int, room: int, expected: list[list[tuple[int, int, int]]]) -> None:
    assert [[(s.group, s.first, s.stop) for s in spans] for spans in cut(groups, most, room)] == expected


sizes = st.integers(0, 900)


@given(st.lists(st.tuples(sizes, st.lists(sizes, min_size=1, max_size=8)), min_size=1, max_size=8), st.integers(1, 6))
def test_nothing_is_lost_doubled_or_too_large(shape: Sequence[tuple[int, list[int]]], most: int) -> None:
    groups = [group(head, *members) for head, members in shape]
    room = 3000
    sent = []
    for spans in cut(groups, most, room):
        body = items_json(groups, spans)
        count = sum(span.stop - span.first for span in spans)
        assert 1 <= count <= most
        assert len(body) <= room - ENVELOPE_BYTES + 100 or count == 1
        assert [len(item["responses"]) for item in json.loads(body)] == [span.stop - span.first for span in spans]
        sent += [(span.group, position) for span in spans for position in range(span.first, span.stop)]
    assert sent == [(g, m) for g, (_, members) in enumerate(shape) for m in range(len(members))]


def test_lists_are_cut_too_and_an_empty_one_is_a_mistake() -> None:
    assert list(cut_list([1, 2, 3], 2, 9000)) == [(b"[1,2]", 2), (b"[3]", 1)]
    with pytest.raises(ValueError, match="at least one"):
        list(cut_list([], 2, 9000))
