"""Object properties: how many things of a collection have some property after it was changed?"""

from random import Random
from typing import Literal

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic.numbers import NumberTask, judged_number
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 100


class ObjectPropertiesTask(NumberTask):
    """`answer`: the number; or as published, a text of it."""


@verifier("logic.object_properties", version=1, task=ObjectPropertiesTask)
def object_properties(response: str, task: ObjectPropertiesTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last whole number with nothing beside it; it is the right one.

    Published rows: SynLogic's `object_properties` (arXiv:2505.19641).
    """
    return judged_number(response, task)


class ObjectPropertiesParameters(Parameters):
    """`things` at first, how often the collection `changes`, and how two properties are `joined` in the question."""

    things: int = dial(6, 30, ge=3, le=60)
    changes: int = dial(1, 6, ge=0, le=12)
    joined: Literal["one", "and", "or", "not"] = levels("one", "and", "or", "not", about="how the question is put")
    language: Literal["en", "zh"] = "en"


Thing = dict[str, str]
FEATURES = {
    "en": {
        "colour": ("red", "blue", "green", "yellow", "black"), "size": ("tiny", "small", "large", "huge"),
        "material": ("wood", "glass", "iron", "clay", "paper"), "origin": ("Peru", "Japan", "Kenya", "Norway"),
        "smell": ("rose", "smoke", "mint", "bread"),
    },
    "zh": {
        "颜色": ("红色", "蓝色", "绿色", "黄色", "黑色"), "大小": ("极小", "小", "大", "巨大"),
        "材质": ("木头", "玻璃", "铁", "黏土", "纸"), "产地": ("秘鲁", "日本", "肯尼亚", "挪威"),
        "气味": ("玫瑰", "烟", "薄荷", "面包"),
    },
}  # fmt: skip
NAMES = {"en": ("ball", "box", "cup", "mask", "ring", "shoe"), "zh": ("球", "盒子", "杯子", "面具", "戒指", "鞋")}
CHANGES = {
    ("en", "lose"): "Then I lose every thing whose {0} is {1}.",
    ("en", "turn"): "Then the {2} of every thing whose {0} is {1} becomes {3}.",
    ("en", "copy"): "Then, for every thing whose {0} is {1}, I get one more that is the same but whose {2} is {3}.",
    ("en", "keep"): "Then I give away every thing whose {0} is not {1} and whose {2} is {3}.",
    ("zh", "lose"): "然后我失去了所有{0}为{1}的物品。",
    ("zh", "turn"): "然后所有{0}为{1}的物品的{2}变为{3}。",
    ("zh", "copy"): "然后，对每个{0}为{1}的物品，我得到一个相同的物品，只是{2}为{3}。",
    ("zh", "keep"): "然后我送出了所有{0}不为{1}且{2}为{3}的物品。",
}
ASKED = {
    ("en", "one"): "whose {0} is {1}", ("en", "and"): "whose {0} is {1} and whose {2} is {3}",
    ("en", "or"): "whose {0} is {1} or whose {2} is {3} (or both)",
    ("en", "not"): "whose {0} is not {1} or whose {2} is {3} (or both)",
    ("zh", "one"): "{0}为{1}", ("zh", "and"): "{0}为{1}且{2}为{3}",
    ("zh", "or"): "{0}为{1}或{2}为{3}（或两者都满足）", ("zh", "not"): "{0}不为{1}或{2}为{3}（或两者都满足）",
}  # fmt: skip
PROMPTS = {
    "en": """I have this collection:
{things}

{changes}

How many things do I have now {asked}?

Give only the number at the end, in \\boxed{{}}.""",
    "zh": """我有以下收藏：
{things}

{changes}

现在满足“{asked}”的物品有多少个？

请在最后的 \\boxed{{}} 中只给出数字。""",
}


@generator("logic.object_properties", version=1, parameters=ObjectPropertiesParameters, unique=True)
def generate(rng: Random, parameters: ObjectPropertiesParameters, /) -> Generated:
    """A random collection and random changes, carried out as they are told; the number is never 0."""
    language = parameters.language
    features = FEATURES[language]
    for _ in range(MAX_TRIES):
        things = [
            {name: rng.choice(values) for name, values in features.items()} | {"": rng.choice(NAMES[language])}
            for _ in range(parameters.things)
        ]
        told = [f"- {one['']}: {', '.join(f'{name} {one[name]}' for name in features)}" for one in things]
        changes = []
        for _ in range(parameters.changes):
            kind = rng.choice(("lose", "turn", "copy", "keep"))
            some = _two(rng, language)
            changes.append(CHANGES[language, kind].format(*some))
            things = _changed(things, kind, *some)
        some = _two(rng, language)
        count = sum(_asked(one, parameters.joined, *some) for one in things)
        if count:
            break
    else:
        raise NoTask("nothing was left to count")
    prompt = PROMPTS[language].format(
        things="\n".join(told), changes="\n".join(changes), asked=ASKED[language, parameters.joined].format(*some)
    )
    return Generated(prompt=prompt, task=ObjectPropertiesTask(answer=count), reference=f"\\boxed{{{count}}}")


def _two(rng: Random, language: str) -> tuple[str, str, str, str]:
    """Two features, each with a value."""
    features = FEATURES[language]
    one, other = rng.sample(list(features), 2)
    return one, rng.choice(features[one]), other, rng.choice(features[other])


def _changed(things: list[Thing], kind: str, name: str, value: str, other: str, to: str) -> list[Thing]:
    match kind:
        case "lose":
            return [one for one in things if one[name] != value]
        case "turn":
            return [one | {other: to} if one[name] == value else one for one in things]
        case "copy":
            return things + [one | {other: to} for one in things if one[name] == value]
    return [one for one in things if one[name] == value or one[other] != to]


def _asked(thing: Thing, joined: str, name: str, value: str, other: str, to: str) -> bool:
    match joined:
        case "one":
            return thing[name] == value
        case "and":
            return thing[name] == value and thing[other] == to
        case "or":
            return thing[name] == value or thing[other] == to
    return thing[name] != value or thing[other] == to
