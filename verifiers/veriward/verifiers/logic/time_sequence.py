"""Meetings: how long can all meet at most, and at how many times?"""

from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Unread, judged, last_literal, parse_literal
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

STEP_MINUTES = 5
DAY_STEPS = 96  # from 9:00 to 17:00
MAX_TRIES = 100


def _told(answer: Any) -> Any:
    """A published answer in a text, such as "[45, 3]"."""
    try:
        return parse_literal(answer) if isinstance(answer, str) else answer
    except Unread as unread:
        raise ValueError(str(unread)) from None


class TimeSequenceTask(GameTask):
    """`answer`: the longest meeting in minutes, and how many such there are."""

    answer: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2), BeforeValidator(_told)]


@verifier("logic.time_sequence", version=1, task=TimeSequenceTask)
def time_sequence(response: str, task: TimeSequenceTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of two numbers; they are the right minutes and the right number of choices.

    Published rows: SynLogic's `time_sequence` (arXiv:2505.19641).
    """

    def read() -> list[int]:
        told = last_literal(response.replace("，", ","))
        if not isinstance(told, list) or len(told) != 2 or any(type(one) is not int for one in told):
            raise Unread("it is no list of two numbers", str(told))
        return told

    def fault(told: list[int]) -> str | None:
        if told[0] != task.answer[0]:
            return "it is another length"
        return None if told[1] == task.answer[1] else "it is another number of choices"

    return judged(read, fault)


class TimeSequenceParameters(Parameters):
    """`people` with a schedule, `blocks` of it on each day, and `rules` that hold besides."""

    people: int = dial(2, 5, ge=1, le=8)
    blocks: int = dial(3, 6, ge=1, le=10, about="times told per person and day")
    days: int = dial(2, 5, ge=1, le=5)
    rules: Literal[0, 1, 2] = levels(0, 1, 2, about="rules besides the schedules")
    language: Literal["en", "zh"] = "en"


Spans = list[tuple[int, int]]  # steps of five minutes from 9:00, the second not included
PEOPLE = {"en": ("Ada", "Bela", "Cato", "Dina", "Emil", "Fay", "Goran", "Hedy"),
          "zh": ("张伟", "李娜", "王芳", "赵磊", "陈静", "刘洋", "杨帆", "黄丽")}  # fmt: skip
DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "zh": ("星期一", "星期二", "星期三", "星期四", "星期五"),
}
SCHEDULE = {
    ("en", True): "{0}, {1}: free only at {2}", ("en", False): "{0}, {1}: busy at {2}",
    ("zh", True): "{0}，{1}：仅在以下时间空闲：{2}", ("zh", False): "{0}，{1}：以下时间已占用：{2}",
}  # fmt: skip
RULES = {
    ("en", "before"): "{0} must also have been free for the {1} minutes before the meeting, within the working day.",
    ("en", "lunch"): "{0} is at lunch from 12:00 to 13:00 every day, besides.",
    ("zh", "before"): "{0}在会议开始前的{1}分钟内也必须空闲，且这段时间须在工作时间内。",
    ("zh", "lunch"): "{0}每天 12:00 到 13:00 吃午饭，也没有空。",
}
STARTS = {
    ("en", 1): "It may start at any multiple of five minutes past the hour.",
    ("en", 6): "It must start on the hour or the half-hour.",
    ("zh", 1): "会议可以在任意 5 分钟的整数倍时刻开始。",
    ("zh", 6): "会议必须在整点或半点开始。",
}
PROMPTS = {
    "en": """These people work from 9:00 to 17:00 and want to have one meeting, all of them, on one of these days:

{schedule}

{rules}

How many minutes can the meeting last at most, and how many starts are there, over all days, from which it can last \
that long?

Give both numbers at the end, in this order, as [minutes, starts].""",
    "zh": """以下各人的工作时间为 9:00 到 17:00，他们想在其中一天一起开一次会：

{schedule}

{rules}

会议最长可以持续多少分钟？在所有日子里，有多少个开始时刻可以使会议持续这么长时间？

请在最后按顺序给出这两个数字，形如 [分钟数, 开始时刻数]。""",
}


@generator("logic.time_sequence", version=1, parameters=TimeSequenceParameters, unique=True)
def generate(rng: Random, parameters: TimeSequenceParameters, /) -> Generated:
    """Random schedules and rules, and every start tried; some meeting is possible."""
    language = parameters.language
    people = rng.sample(PEOPLE[language], parameters.people)
    days = DAYS[language][: parameters.days]
    for _ in range(MAX_TRIES):
        free = [[[True] * DAY_STEPS for _ in days] for _ in people]
        told = []
        for who, person in enumerate(people):
            for at, day in enumerate(days):
                only_free = rng.random() < 0.4
                spans = _spans(rng, parameters.blocks, 4 if only_free else 2)
                inside = {step for span in spans for step in range(*span)}
                free[who][at] = [(step in inside) is only_free for step in range(DAY_STEPS)]
                told.append(SCHEDULE[language, only_free].format(person, day, _written(spans)))
        every = rng.choice((1, 6))
        rules = [STARTS[language, every]]
        before = 0
        for kind in rng.sample(("before", "lunch"), parameters.rules):
            who = rng.randrange(len(people))
            if kind == "before":
                before = rng.choice((2, 3, 4))
                early = who
            else:
                for day_steps in free[who]:
                    day_steps[36:48] = [False] * 12
            rules.append(RULES[language, kind].format(people[who], before * STEP_MINUTES))
        lengths = [
            _longest(free, at, start, early if before else 0, before)
            for at in range(len(days))
            for start in range(0, DAY_STEPS, every)
        ]
        if max(lengths):
            break
    else:
        raise NoTask("no meeting was possible")
    answer = [max(lengths) * STEP_MINUTES, lengths.count(max(lengths))]
    prompt = PROMPTS[language].format(schedule="\n".join(told), rules="\n".join(rules))
    return Generated(prompt=prompt, task=TimeSequenceTask(answer=answer), reference=str(answer))


def _spans(rng: Random, count: int, longest: int) -> Spans:
    """Times in order that neither touch nor overlap, of up to `longest` quarters of an hour."""
    spans: Spans = []
    at = 0
    for _ in range(count):
        start = at + rng.randint(1, 2 * DAY_STEPS // (3 * count))
        end = min(DAY_STEPS, start + rng.randint(1, 3 * longest))
        if start >= end:
            break
        spans.append((start, end))
        at = end
    return spans


def _longest(free: list[list[list[bool]]], day: int, start: int, early: int, before: int) -> int:
    """How many steps all are free from `start` on, if the one who must be `early` was free before."""
    if start < before or not all(free[early][day][start - before : start]):
        return 0
    end = start
    while end < DAY_STEPS and all(person[day][end] for person in free):
        end += 1
    return end - start


def _written(spans: Spans) -> str:
    return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in spans)


def _clock(step: int) -> str:
    minutes = step * STEP_MINUTES
    return f"{9 + minutes // 60}:{minutes % 60:02}"
