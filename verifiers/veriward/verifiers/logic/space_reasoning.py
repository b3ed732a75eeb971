"""Walks on a lattice: things seen on the way; what lies at the end of another walk?"""

from random import Random
from typing import Annotated, Literal

from pydantic import Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, judged, last_text
from veriward.verifiers.logic.wordlists import ITEMS
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 100


class SpaceReasoningTask(GameTask):
    """`answer`: the name of the thing, or "unknown"."""

    answer: Annotated[str, Field(min_length=1, max_length=200)]


@verifier("logic.space_reasoning", version=1, task=SpaceReasoningTask)
def space_reasoning(response: str, task: SpaceReasoningTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last name with nothing beside it; it is the right one, case and blanks apart.

    Published rows: SynLogic's `space_reasoning` (arXiv:2505.19641).
    """
    right = _plain(task.answer)
    return judged(lambda: _plain(last_text(response)), lambda told: None if told == right else "it is something else")


def _plain(text: str) -> str:
    text = text.strip().removeprefix("\\text{").removesuffix("}") if text.startswith("\\text{") else text
    return " ".join(text.strip(" .。*\"'").casefold().split())


class SpaceReasoningParameters(Parameters):
    """`stops` where things are seen, `jumps` back to one of them, and the `steps` of the walk that is asked for."""

    stops: int = dial(4, 20, ge=2, le=40)
    jumps: int = dial(0, 4, ge=0, le=10)
    steps: int = dial(2, 10, ge=1, le=20)
    lattice: Literal["square", "diagonal", "triangle"] = levels("square", "diagonal", "triangle")
    language: Literal["en", "zh"] = "en"


# Along one axis and along the other; of triangles, the second leads up and half a step to the right.
WAYS = {
    "square": {"right": (1, 0), "left": (-1, 0), "up": (0, 1), "down": (0, -1)},
    "diagonal": {"up-right": (1, 1), "up-left": (-1, 1), "down-right": (1, -1), "down-left": (-1, -1), "up": (0, 1),
                 "down": (0, -1), "right": (1, 0), "left": (-1, 0)},
    "triangle": {"right": (1, 0), "left": (-1, 0), "up-right": (0, 1), "down-left": (0, -1), "up-left": (-1, 1),
                 "down-right": (1, -1)},
}  # fmt: skip
WORDS = {
    "right": "右", "left": "左", "up": "上", "down": "下", "up-right": "右上", "up-left": "左上", "down-right": "右下",
    "down-left": "左下",
}  # fmt: skip
LATTICES = {
    ("en", "square"): "a grid of squares that goes on in all directions",
    ("en", "diagonal"): "a grid of squares that goes on in all directions, on which one may walk diagonally too",
    ("en", "triangle"): "a plane tiled with equal triangles, each with one side level, so that six ways lead on from "
    "every point",
    ("zh", "square"): "一个向四面无限延伸的方格网",
    ("zh", "diagonal"): "一个向四面无限延伸、也可以沿对角线行走的方格网",
    ("zh", "triangle"): "一个由相同的正三角形（均有一条水平边）铺成的平面，每个顶点有六个方向可走",
}
SENTENCES = {
    "en": (
        "You see {0}.",
        "You go {0}, and see {1}.",
        "You are carried back to {0}.",
        "{1} step(s) {0}",
        "the {0}",
        ", then ",
    ),
    "zh": ("你看到{0}。", "你{0}，看到{1}。", "你被带回到{0}所在的位置。", "向{0}走{1}步", "{0}", "，再"),
}
PROMPTS = {
    "en": """You walk on {lattice}. At every crossing lies one thing, and no two are alike.

{walk}

From where you are now, you would go {asked}. What would you see there?

Give only the name of the thing at the end, in \\boxed{{}}, as it stands above, or unknown if it cannot be known.""",
    "zh": """你在{lattice}上行走。每个交叉点上有一件物品，各不相同。

{walk}

从当前位置出发，如果{asked}，你会看到什么？

请在最后的 \\boxed{{}} 中只给出物品的名称，与上文一字不差；如果无法得知，写 unknown。""",
}

Point = tuple[int, int]


@generator("logic.space_reasoning", version=1, parameters=SpaceReasoningParameters, unique=True)
def generate(rng: Random, parameters: SpaceReasoningParameters, /) -> Generated:
    """A random walk, and another from its end that leads, nine times of ten, to something that was seen."""
    language, ways = parameters.language, WAYS[parameters.lattice]
    begins, goes, carried, step, the, then = SENTENCES[language]
    things = rng.sample(ITEMS[language], parameters.stops + 1)
    here = (0, 0)
    seen = {here: things[0]}
    walk = [begins.format(the.format(things[0]))]
    for at, thing in enumerate(things[1:], 1):
        if at > 1 and rng.random() < parameters.jumps / parameters.stops:
            here, back = rng.choice(list(seen.items()))
            walk.append(carried.format(the.format(back)))
        for _ in range(MAX_TRIES):
            legs, there = _legs(rng, ways, here, rng.randint(1, 3))
            if there not in seen:
                break
        else:
            raise NoTask("every way led to what had been seen")
        here = there
        seen[here] = thing
        walk.append(goes.format(_told(legs, step, then, language), the.format(thing)))
    if rng.random() < 0.9:
        there = rng.choice([point for point in seen if point != here])
        legs, on_the_way = _legs(rng, ways, here, max(0, parameters.steps - 2))
        legs += _between(ways, on_the_way, there)
        rng.shuffle(legs)
    else:
        for _ in range(MAX_TRIES):
            legs, there = _legs(rng, ways, here, parameters.steps)
            if there not in seen:
                break
        else:
            raise NoTask("every walk led to what had been seen")
    prompt = PROMPTS[language].format(
        lattice=LATTICES[language, parameters.lattice],
        walk=(" " if language == "en" else "").join(walk),
        asked=_told(legs, step, then, language),
    )
    answer = seen.get(there, "unknown")
    return Generated(prompt=prompt, task=SpaceReasoningTask(answer=answer), reference=f"\\boxed{{{answer}}}")


def _legs(rng: Random, ways: dict[str, Point], here: Point, count: int) -> tuple[list[tuple[str, int]], Point]:
    """So many legs of one to three steps, and where they lead."""
    legs = [(rng.choice(list(ways)), rng.randint(1, 3)) for _ in range(count)]
    right = here[0] + sum(ways[way][0] * steps for way, steps in legs)
    up = here[1] + sum(ways[way][1] * steps for way, steps in legs)
    return legs, (right, up)


def _between(ways: dict[str, Point], here: Point, there: Point) -> list[tuple[str, int]]:
    """Legs along the two axes."""
    legs = []
    for axis in (0, 1):
        gap = there[axis] - here[axis]
        step = tuple((gap > 0) - (gap < 0) if at == axis else 0 for at in (0, 1))
        legs += [(way, abs(gap)) for way, direction in ways.items() if gap and direction == step]
    return legs


def _told(legs: list[tuple[str, int]], step: str, then: str, language: str) -> str:
    return then.join(step.format(WORDS[way] if language == "zh" else way, steps) for way, steps in legs)
