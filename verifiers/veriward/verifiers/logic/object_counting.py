"""Object counting: how many things of some kinds does someone have, among many that others have?"""

from random import Random
from typing import Literal

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator
from veriward.verifiers.logic.numbers import NumberTask, judged_number
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_TRIES = 100


class ObjectCountingTask(NumberTask):
    """`answer`: the number; or as published, a text of it."""


@verifier("logic.object_counting", version=1, task=ObjectCountingTask)
def object_counting(response: str, task: ObjectCountingTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last whole number with nothing beside it; it is the right one.

    Published rows: SynLogic's `object_counting` (arXiv:2505.19641).
    """
    return judged_number(response, task)


class ObjectCountingParameters(Parameters):
    """`people`, how many `things` each has, how often a number `changes`, and how many `kinds` are asked for."""

    people: int = dial(2, 8, ge=1, le=10)
    things: int = dial(3, 12, ge=2, le=20, about="kinds of things that each has")
    changes: int = dial(0, 4, ge=0, le=10, about="how often a number changes at most")
    kinds: int = dial(1, 3, ge=1, le=4, about="categories that are asked for")
    language: Literal["en", "zh"] = "en"


PEOPLE = {
    "en": ("My mother", "My father", "My sister", "My brother", "My aunt", "My uncle", "My teacher", "My friend",
           "My neighbour", "My colleague"),
    "zh": ("我妈妈", "我爸爸", "我姐姐", "我弟弟", "我阿姨", "我叔叔", "我老师", "我朋友", "我邻居", "我同事"),
}  # fmt: skip
KINDS = {
    "en": {
        "fruits": ("apples", "pears", "bananas", "lemons", "cherries", "plums", "peaches", "mangoes"),
        "animals": ("cats", "dogs", "rabbits", "parrots", "goats", "ducks", "horses", "turtles"),
        "clothes": ("shirts", "hats", "scarves", "gloves", "jackets", "socks", "skirts", "belts"),
        "books": ("novels", "atlases", "cookbooks", "dictionaries", "comics", "diaries", "textbooks", "songbooks"),
        "furniture": ("chairs", "tables", "sofas", "beds", "desks", "benches", "stools", "wardrobes"),
    },
    "zh": {
        "水果": ("苹果", "梨", "香蕉", "柠檬", "樱桃", "李子", "桃子", "芒果"),
        "动物": ("猫", "狗", "兔子", "鹦鹉", "山羊", "鸭子", "马", "乌龟"),
        "衣物": ("衬衫", "帽子", "围巾", "手套", "夹克", "袜子", "裙子", "腰带"),
        "书籍": ("小说", "地图册", "食谱", "词典", "漫画书", "日记本", "教科书", "歌本"),
        "家具": ("椅子", "桌子", "沙发", "床", "书桌", "长凳", "凳子", "衣柜"),
    },
}
HAS = {"en": "{0} has {1} {2}{3}.", "zh": "{0}有{1}个{2}{3}。"}
I_HAVE = {"en": "I have {1} {2}{3}.", "zh": "我有{1}个{2}{3}。"}
CHANGED = {"en": " at first, then {0}", "zh": "，后来{0}"}
CHANGES = {
    "en": ("gets {0} more", "get {0} more", "loses {0}", "lose {0}"),
    "zh": ("又得到{0}个",) * 2 + ("失去{0}个",) * 2,
}
PROMPTS = {
    "en": """{told}

How many {asked} do I have in the end, all together?

Give only the number at the end, in \\boxed{{}}.""",
    "zh": """{told}

最后我一共有多少个{asked}？

请在最后的 \\boxed{{}} 中只给出数字。""",
}
AND = {"en": " and ", "zh": "和"}


@generator("logic.object_counting", version=1, parameters=ObjectCountingParameters, unique=True)
def generate(rng: Random, parameters: ObjectCountingParameters, /) -> Generated:
    """Random numbers of random things, told in random order, and those of one of the people added."""
    language = parameters.language
    kinds = {thing: kind for kind, some in KINDS[language].items() for thing in some}
    people = ["", *rng.sample(PEOPLE[language], parameters.people)]
    asked = rng.sample(list(KINDS[language]), parameters.kinds)
    for _ in range(MAX_TRIES):
        told, total = [], 0
        for person in people:
            for thing in rng.sample(list(kinds), parameters.things):
                first = rng.randint(5, 100)
                count, changes = first, []
                for _ in range(rng.randint(0, parameters.changes)):
                    loses = count > 10 and rng.random() < 0.5
                    by = rng.randint(1, count - 1) if loses else rng.randint(1, 60)
                    count += -by if loses else by
                    changes.append(CHANGES[language][2 * loses + (not person)].format(by))
                suffix = CHANGED[language].format(("，" if language == "zh" else ", ").join(changes)) if changes else ""
                told.append((HAS if person else I_HAVE)[language].format(person, first, thing, suffix))
                if not person and kinds[thing] in asked:
                    total += count
        if total:
            break
    else:
        raise NoTask("nothing of the kinds asked for was there")
    rng.shuffle(told)
    prompt = PROMPTS[language].format(
        told=(" " if language == "en" else "").join(told), asked=AND[language].join(asked)
    )
    return Generated(prompt=prompt, task=ObjectCountingTask(answer=total), reference=f"\\boxed{{{total}}}")
