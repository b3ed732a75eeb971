"""String functions: what f(g(x)) gives, for functions with meaningless names whose programs are shown."""

import inspect
import re
from collections.abc import Callable, Sequence
from random import Random
from string import ascii_lowercase, digits
from typing import Annotated

from pydantic import Field, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_text
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict

MAX_START_CHARS = 200
MAX_STEPS = 30
MAX_RESULT_CHARS = 2_000
MAX_TRIES = 100
MAX_MADE_CHARS = 60  # of a result that a generated task asks for

Function = Callable[[str, int], str]


def reverse(s: str, n: int) -> str:
    return s[::-1]


def rotate(s: str, n: int) -> str:
    n = n % len(s) if s else 0
    return s[n:] + s[:n]


def swap_halves(s: str, n: int) -> str:
    return s[len(s) // 2 :] + s[: len(s) // 2]


def every_nth_last(s: str, n: int) -> str:
    return "".join(c for i, c in enumerate(s) if i % n) + s[::n]


def repeat_nth(s: str, n: int) -> str:
    return "".join(c * 2 if i % n == 0 else c for i, c in enumerate(s))


def drop_nth(s: str, n: int) -> str:
    return "".join(c for i, c in enumerate(s) if i % (n + 1) != n)


def upper_nth(s: str, n: int) -> str:
    return "".join(c.upper() if i % n == 0 else c.lower() for i, c in enumerate(s))


def swap_case(s: str, n: int) -> str:
    return s.swapcase()


def vowels_last(s: str, n: int) -> str:
    return "".join(c for c in s if c not in "aeiouAEIOU") + "".join(c for c in s if c in "aeiouAEIOU")


def digits_up(s: str, n: int) -> str:
    return "".join(str((int(c) + n) % 10) if c.isdigit() else c for c in s)


def shift_letters(s: str, n: int) -> str:
    return "".join(chr((ord(c) - 97 + n) % 26 + 97) if c.islower() else c for c in s)


def swap_pairs(s: str, n: int) -> str:
    return "".join(s[i : i + 2][::-1] for i in range(0, len(s), 2))


def reverse_parts(s: str, n: int) -> str:
    return "".join(s[i : i + n][::-1] for i in range(0, len(s), n))


def mirror_end(s: str, n: int) -> str:
    return s + s[-n:][::-1]


def count_in_front(s: str, n: int) -> str:
    return str(len(s)) + s


def interlace(s: str, n: int) -> str:
    half = (len(s) + 1) // 2
    return "".join(s[i : i + 1] + s[half + i : half + i + 1] for i in range(half))


FUNCTIONS: dict[str, Function] = {
    one.__name__: one
    for one in (
        reverse,
        rotate,
        swap_halves,
        every_nth_last,
        repeat_nth,
        drop_nth,
        upper_nth,
        swap_case,
        vowels_last,
        digits_up,
        shift_letters,
        swap_pairs,
        reverse_parts,
        mirror_end,
        count_in_front,
        interlace,
    )
}


class Step(Task):
    """A function of this game, by name, and the number it is called with."""

    name: str
    number: Annotated[int, Field(ge=1, le=9)]


class StringFunctionsTask(GameTask):
    """`start`: the text (letters and digits) that the first of `steps` is called with, each next with what came out."""

    start: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=MAX_START_CHARS)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=MAX_STEPS)]

    @model_validator(mode="after")
    def _computable(self) -> "StringFunctionsTask":
        if unknown := {step.name for step in self.steps} - set(FUNCTIONS):
            raise ValueError(f"there is no function {min(unknown)!r}; there are {', '.join(FUNCTIONS)}")
        _result(self.start, self.steps)
        return self


@verifier("logic.string_functions", version=1, task=StringFunctionsTask)
def string_functions(response: str, task: StringFunctionsTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last short text, with or without quotes; it is exactly what the functions give, one after the other.

    The functions are carried out, not looked up. After "From f(x) and g(x) to f(g(x))" (arXiv:2509.25123).
    """
    return judged(lambda: _unquoted(last_text(response)), lambda told: _broken_rule(told, task))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" else text


def _broken_rule(told: str, task: StringFunctionsTask) -> str | None:
    return None if told == _result(task.start, task.steps) else "it is another text"


def _result(text: str, steps: Sequence[Step]) -> str:
    """Raises `ValueError` where it gets too long, or empty."""
    for step in steps:
        text = FUNCTIONS[step.name](text, step.number)
        if not 0 < len(text) <= MAX_RESULT_CHARS:
            raise ValueError(f"the result has {len(text)} characters, not 1 to {MAX_RESULT_CHARS}")
    return text


class StringFunctionsParameters(Parameters):
    """How many functions are composed, and how long the text is that the first is called with."""

    depth: int = dial(1, 6, ge=1, le=12, about="how many functions are composed")
    length: int = dial(6, 14, ge=3, le=40, about="characters of the text")


PROMPT = """These functions are defined:

```python
{programs}
```

What does this expression give?

{expression}

Give the text alone, without quotes, at the end, in a fenced block:
```
the text
```"""


@generator("logic.string_functions", version=1, parameters=StringFunctionsParameters, unique=True)
def generate(rng: Random, parameters: StringFunctionsParameters, /) -> Generated:
    """Random functions under meaningless names, and a random text; every function changes what it is given."""
    start = "".join(rng.choice(ascii_lowercase + digits[:6]) for _ in range(parameters.length))
    for _ in range(MAX_TRIES):
        steps: list[Step] = []
        text = start
        while len(steps) < parameters.depth:
            step = Step(name=rng.choice(list(FUNCTIONS)), number=rng.randint(2, 4))
            after = FUNCTIONS[step.name](text, step.number)
            if after == text or (steps and step.name == steps[-1].name):
                continue
            text, steps = after, [*steps, step]
        if 0 < len(text) <= MAX_MADE_CHARS and text != start:
            break
    else:
        raise NoTask(f"no {parameters.depth} functions kept the text short")
    names = list(dict.fromkeys(step.name for step in steps))
    called = dict(zip(names, rng.sample(range(1, 100), len(names)), strict=True))
    expression = repr(start)
    for step in steps:
        expression = f"func_{called[step.name]}({expression}, {step.number})"
    shown = rng.sample(names, len(names))
    prompt = PROMPT.format(programs="\n\n".join(_program(name, called[name]) for name in shown), expression=expression)
    task = StringFunctionsTask(start=start, steps=steps)
    return Generated(prompt=prompt, task=task, reference=f"```\n{text}\n```")


def _program(name: str, number: int) -> str:
    """The function's own source under another name, so that what is shown is what is run."""
    source = inspect.getsource(FUNCTIONS[name]).strip()
    return re.sub(rf"^def {name}\(s: str, n: int\) -> str:", f"def func_{number}(s, n):", source)
