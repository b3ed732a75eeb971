"""Color cube rotation: which colours are where after a cube with six colours was turned."""

from random import Random
from typing import Annotated, Literal

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_literal
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TURNS = 1_000

Side = Literal["top", "bottom", "front", "back", "left", "right"]
Turn = Literal["forward", "backward", "to the left", "to the right", "clockwise", "counterclockwise"]

# For each turn, where what was on a side has gone: four sides in a ring, each to the next.
RINGS: dict[Turn, tuple[Side, Side, Side, Side]] = {
    "forward": ("top", "front", "bottom", "back"),
    "backward": ("top", "back", "bottom", "front"),
    "to the left": ("top", "left", "bottom", "right"),
    "to the right": ("top", "right", "bottom", "left"),
    "clockwise": ("front", "left", "back", "right"),
    "counterclockwise": ("front", "right", "back", "left"),
}
SIDES: tuple[Side, ...] = ("top", "bottom", "front", "back", "left", "right")
COLORS = ("red", "blue", "green", "yellow", "white", "orange", "purple", "black", "pink", "gray", "brown", "cyan")

Color = Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]


class ColorCubeTask(GameTask):
    """`colors` of the six sides before; the `turns` in their order; the sides `asked` for after them."""

    colors: dict[Side, Color]
    turns: Annotated[list[Turn], Field(min_length=1, max_length=MAX_TURNS)]
    asked: Annotated[list[Side], Field(min_length=1, max_length=6)]

    @model_validator(mode="after")
    def _six_colors(self) -> "ColorCubeTask":
        if len(set(self.colors.values())) < len(SIDES):
            raise ValueError("there must be six different colours, one for each side")
        return self


@verifier("logic.color_cube_rotation", version=1, task=ColorCubeTask)
def color_cube_rotation(response: str, task: ColorCubeTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of colours; it is what the sides asked for show when the cube is turned.

    Turns are carried out, not looked up. Of the eight tasks of "How Much Backtracking is Enough?" (arXiv:2505.24273).
    """
    return judged(lambda: _read(response, len(task.asked)), lambda told: _broken_rule(told, task))


def _read(response: str, count: int) -> list[str]:
    told = last_literal(response, words=True)
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise Unread("it is no list of colours", str(told))
    if len(told) != count:
        raise Unread(f"there are {len(told)} colours, not {count}", str(told))
    return [str(one).lower() for one in told]


def _broken_rule(told: list[str], task: ColorCubeTask) -> str | None:
    after = _turned(task.colors, task.turns)
    return next(
        (
            f"the {side} side is not {color}"[:80]
            for side, color in zip(task.asked, told, strict=True)
            if after[side] != color
        ),
        None,
    )


def _turned(colors: dict[Side, str], turns: list[Turn]) -> dict[Side, str]:
    for turn in turns:
        ring = RINGS[turn]
        gone = {ring[(at + 1) % 4]: colors[side] for at, side in enumerate(ring)}
        colors = {**colors, **gone}
    return colors


class ColorCubeParameters(Parameters):
    """How often the cube is turned, and how many of its sides are asked for."""

    turns: int = dial(1, 16, ge=1, le=200, about="how often the cube is turned")
    asked: int = dial(2, 4, ge=1, le=6, about="how many sides are asked for")


PROMPT = """A cube has a {colors} side.

It is turned {count}, each time by a quarter:
{turns}

Forward means that the top goes to the front and the front to the bottom; backward, that the top goes to the back. To \
the left means that the top goes to the left side, to the right that it goes to the right side. Clockwise and \
counterclockwise are seen from above: clockwise takes the front to the left side, counterclockwise to the right side. \
Sides are named by where they are now.

Which colours are then on these sides: {asked}? Give them in this order at the end, in a fenced block:
```
[first colour, …]
```"""


@generator("logic.color_cube_rotation", version=1, parameters=ColorCubeParameters, unique=True)
def generate(rng: Random, parameters: ColorCubeParameters, /) -> Generated:
    """Random colours, turns and sides."""
    colors = dict(zip(SIDES, rng.sample(COLORS, len(SIDES)), strict=True))
    turns: list[Turn] = []
    for _ in range(parameters.turns):
        # None that takes back the one before.
        ring = set(RINGS[turns[-1]]) if turns else set()
        turns.append(rng.choice([one for one in RINGS if set(RINGS[one]) != ring or one == turns[-1]]))
    asked = rng.sample(SIDES, parameters.asked)
    after = _turned(colors, turns)
    prompt = PROMPT.format(
        colors=", a ".join(f"{color} {side}" for side, color in colors.items()),
        count="once" if len(turns) == 1 else f"{len(turns)} times",
        turns="\n".join(f"{at}. {turn}" for at, turn in enumerate(turns, 1)),
        asked=", ".join(asked),
    )
    task = ColorCubeTask(colors=colors, turns=turns, asked=asked)
    return Generated(prompt=prompt, task=task, reference=f"```\n[{', '.join(after[side] for side in asked)}]\n```")
