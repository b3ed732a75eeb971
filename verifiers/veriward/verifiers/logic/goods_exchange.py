"""Goods exchange: who owns what after a row of swaps?"""

from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, Unread, judged, last_literal, parse_literal, stored
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_PEOPLE = 100

Name = Annotated[str, Field(min_length=1, max_length=60)]


def _pairs(told: Any) -> Any:
    """A published text such as "(('Ada','red pen'),…)" as a mapping."""
    try:
        pairs = parse_literal(told) if isinstance(told, str) else told
        return dict(_owners(pairs)) if isinstance(pairs, list) else pairs
    except Unread as unread:
        raise ValueError(str(unread)) from None


class GoodsExchangeTask(GameTask):
    """`answer`: what each person owns in the end, a mapping; or as published, pairs in a text."""

    answer: Annotated[dict[Name, Name], Field(min_length=1, max_length=MAX_PEOPLE), BeforeValidator(_pairs)]

    @classmethod
    def of_row(cls, answer: Any, metadata: dict[str, Any]) -> dict[str, Any]:
        """The row's answer stands in its metadata too."""
        return {"answer": metadata["owns_after"]} if "owns_after" in metadata else {}


@verifier("logic.goods_exchange", version=1, task=GoodsExchangeTask, golds=stored("owns_after"))
def goods_exchange(response: str, task: GoodsExchangeTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last tuple of pairs, or mapping; it tells of every person once, and what each owns.

    Case, blanks and the order of the pairs don't matter. Published rows: SynLogic's `goods_exchange`
    (arXiv:2505.19641), whose answers were evaluated as code.
    """
    right = {_plain(person): _plain(thing) for person, thing in task.answer.items()}

    def read() -> dict[str, str]:
        told = last_literal(response)
        pairs = list(told.items()) if isinstance(told, dict) else told
        return {_plain(person): _plain(thing) for person, thing in sorted(_owners(pairs))}

    def fault(told: dict[str, str]) -> str | None:
        if set(told) != set(right):
            return "it tells of other people"
        person = next((person for person in right if told[person] != right[person]), None)
        return None if person is None else f"{person} owns something else"

    return judged(read, fault)


def _owners(pairs: Any) -> list[tuple[str, str]]:
    """Pairs of texts, no person twice. Raises `Unread`."""
    if not isinstance(pairs, list) or not pairs:
        raise Unread("it is no list of pairs")
    owners = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
            raise Unread(f"{str(pair)[:60]!r} is no pair of a person and a thing", str(pairs))
        owners.append((pair[0].strip(), pair[1].strip()))
    if len({_plain(person) for person, _ in owners}) < len(owners):
        raise Unread("a person stands twice", str(pairs))
    return owners


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


class GoodsExchangeParameters(Parameters):
    """How many people there are, and how often they swap."""

    people: int = dial(4, 12, ge=3, le=16)
    swaps: int = dial(4, 40, ge=1, le=200)
    language: Literal["en", "zh"] = "en"


PEOPLE = {
    "en": ("Ada", "Bela", "Cato", "Dina", "Emil", "Fay", "Goran", "Hedy", "Ivo", "June", "Kofi", "Lena", "Milo",
           "Nadia", "Otto", "Petra"),
    "zh": ("张伟", "李娜", "王芳", "赵磊", "陈静", "刘洋", "杨帆", "黄丽", "周杰", "吴敏", "徐强", "孙燕", "马超",
           "朱红", "胡军", "郭涛"),
}  # fmt: skip
COLOURS = {
    "en": ("red", "blue", "green", "yellow", "white", "black"), "zh": ("红色", "蓝色", "绿色", "黄色", "白色", "黑色")
}  # fmt: skip
THINGS = {"en": ("cup", "pen", "book", "hat", "watch", "bag"), "zh": ("杯子", "钢笔", "书", "帽子", "手表", "背包")}
SWAPS = {
    "en": (
        "{one} and {other} swap what they have.",
        "{one} swaps with the owner of the {that}.",
        "The owner of the {this} and the owner of the {that} swap.",
        "{one} gives the {this} to {other} and gets the {that}.",
        "{one} would like the {none}, but cannot find it.",
    ),
    "zh": (
        "{one}和{other}交换了各自的物品。",
        "{one}与拥有{that}的人交换了物品。",
        "拥有{this}的人和拥有{that}的人交换了他们的物品。",
        "{one}用{this}换取了{other}的{that}。",
        "{one}想要{none}，但没有找到。",
    ),
}
OWNS = {"en": "{0} has the {1}.", "zh": "{0}拥有{1}。"}
PROMPTS = {
    "en": """{owners}

Then, one after the other:
{swaps}

What does everyone have in the end? Give it at the end in a fenced block, a pair for each person:
```
(('person','thing'), …)
```""",
    "zh": """{owners}

然后依次发生：
{swaps}

最后每个人拥有什么物品？请在最后用代码块给出，每人一对：
```
(('人','物品'), …)
```""",
}


@generator("logic.goods_exchange", version=1, parameters=GoodsExchangeParameters, unique=True)
def generate(rng: Random, parameters: GoodsExchangeParameters, /) -> Generated:
    """Random swaps, carried out as they are told; some of them don't happen."""
    language = parameters.language
    people = rng.sample(PEOPLE[language], parameters.people)
    space = " " if language == "en" else ""
    things = [f"{colour}{space}{thing}" for colour in COLOURS[language] for thing in THINGS[language]]
    absent, *owned = rng.sample(things, parameters.people + 1)
    owners = dict(zip(people, owned, strict=True))
    first = [OWNS[language].format(person, thing) for person, thing in owners.items()]
    swaps = []
    for at in range(parameters.swaps):
        one, other = rng.sample(people, 2)
        happens = at == 0 or rng.random() < 0.85
        form = rng.choice(SWAPS[language][:-1]) if happens else SWAPS[language][-1]
        text = form.format(one=one, other=other, this=owners[one], that=owners[other], none=absent)
        swaps.append(f"{at + 1}. {text}")
        if happens:
            owners[one], owners[other] = owners[other], owners[one]
    prompt = PROMPTS[language].format(owners="\n".join(first), swaps="\n".join(swaps))
    pairs = ",".join(f"('{person}','{thing}')" for person, thing in owners.items())
    return Generated(prompt=prompt, task=GoodsExchangeTask(answer=owners), reference=f"```\n({pairs})\n```")
