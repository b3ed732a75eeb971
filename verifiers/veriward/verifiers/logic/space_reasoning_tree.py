"""Relatives in a tree: who is a child, a grandchild, a sibling or a cousin of whom?"""

import re
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, NoTask, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Unread, judged, last_text
from veriward.verifiers.logic.wordlists import WORDS
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_NAMES = 400
MAX_TRIES = 50

_BETWEEN = re.compile(r"\s*[,，、;；]\s*")


def _told(answer: Any) -> Any:
    """A published answer, such as "cola, hair comb", as a list."""
    return list(dict.fromkeys(_split(answer))) if isinstance(answer, str) else answer


class SpaceReasoningTreeTask(GameTask):
    """`answer`: the names, a list, or as published: "cola, hair comb"; or "unknown"."""

    answer: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]],
        Field(min_length=1, max_length=MAX_NAMES),
        BeforeValidator(_told),
    ]


@verifier("logic.space_reasoning_tree", version=1, task=SpaceReasoningTreeTask)
def space_reasoning_tree(response: str, task: SpaceReasoningTreeTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last list of names apart by commas, in any order and each once; they are all right ones and no other.

    Case and blanks don't matter. Published rows: SynLogic's `space_reasoning_tree` (arXiv:2505.19641).
    """
    right = sorted(map(_plain, task.answer))

    def read() -> list[str]:
        text = last_text(response)
        told = sorted(map(_plain, _split(text)))
        if len(set(told)) < len(told) or "" in told:
            raise Unread("a name is empty or stands twice", text)
        return told

    return judged(read, lambda told: None if told == right else "they are others")


def _split(text: str) -> list[str]:
    text = text.strip()
    text = text.removeprefix("\\text{").removesuffix("}") if text.startswith("\\text{") else text
    return _BETWEEN.split(text.strip(" .。*[]"))


def _plain(name: str) -> str:
    return "".join(name.strip("\"'").casefold().split())


class SpaceReasoningTreeParameters(Parameters):
    """`nodes` of the tree, and how far apart the relatives are that are asked for."""

    nodes: int = dial(12, 120, ge=6, le=300)
    kind: Literal["children", "siblings", "grandchildren", "cousins"] = levels(
        "children", "siblings", "grandchildren", "cousins", about="which relatives are asked for"
    )
    language: Literal["en", "zh"] = "en"


SENTENCES = {
    "en": {
        "children": "The children of {0} are {1}.", "parent": "{0} is the parent of {1}.",
        "child": "{0} is a child of {1}.", "siblings": "The siblings of {0} are {1}.",
    },
    "zh": {
        "children": "{0}的孩子是{1}。", "parent": "{0}是{1}的父节点。", "child": "{0}是{1}的孩子。",
        "siblings": "{0}的兄弟姐妹是{1}。",
    },
}  # fmt: skip
KINDS = {
    "en": {"children": "children", "siblings": "siblings (other children of its parent)",
           "grandchildren": "grandchildren", "cousins": "cousins (children of its parent's siblings)"},
    "zh": {"children": "孩子", "siblings": "兄弟姐妹（同一父节点的其他孩子）", "grandchildren": "孙辈",
           "cousins": "堂表兄弟姐妹（父节点的兄弟姐妹的孩子）"},
}  # fmt: skip
PROMPTS = {
    "en": """In a tree of {nodes} nodes, all of this is so:
{told}

Which are the {kind} of {node}?

Give all their names at the end, apart by commas and nothing else, in \\boxed{{}}.""",
    "zh": """一棵有 {nodes} 个节点的树满足以下描述：
{told}

{node}的{kind}有哪些？

请在最后的 \\boxed{{}} 中给出所有名称，用逗号分隔，不要写其他内容。""",
}


@generator("logic.space_reasoning_tree", version=1, parameters=SpaceReasoningTreeParameters, unique=True)
def generate(rng: Random, parameters: SpaceReasoningTreeParameters, /) -> Generated:
    """A random tree, every edge of it told in one way or another; of siblings, one with its parent."""
    names = rng.sample(WORDS, parameters.nodes)
    for _ in range(MAX_TRIES):
        parents: dict[str, str] = {}
        children: dict[str, list[str]] = {name: [] for name in names}
        for at, name in enumerate(names[1:], 1):
            room = [one for one in names[max(0, (at - 1) // 3 - 2) : at] if len(children[one]) < 6]
            parents[name] = rng.choice(room)
            children[parents[name]].append(name)
        found = {name: _relatives(name, parameters.kind, parents, children) for name in names}
        asked = [name for name in names if found[name]]
        if asked:
            break
    else:
        raise NoTask(f"no node had {parameters.kind}")
    sentences = SENTENCES[parameters.language]
    comma = "、" if parameters.language == "zh" else ", "
    told = []
    for name, some in children.items():
        some = rng.sample(some, len(some))
        way = rng.choice(("children", "parent", "child", "siblings"))
        if way == "children" and some:
            told.append(sentences["children"].format(name, comma.join(some)))
        elif way == "siblings" and len(some) > 1:
            told.append(sentences["child"].format(some[0], name))
            told.append(sentences["siblings"].format(some[0], comma.join(some[1:])))
        else:
            told += [
                sentences["child"].format(one, name) if way == "child" else sentences["parent"].format(name, one)
                for one in some
            ]
    rng.shuffle(told)
    node = rng.choice(asked)
    prompt = PROMPTS[parameters.language].format(
        nodes=len(names), told="\n".join(told), kind=KINDS[parameters.language][parameters.kind], node=node
    )
    answer = found[node]
    return Generated(
        prompt=prompt, task=SpaceReasoningTreeTask(answer=answer), reference=f"\\boxed{{{', '.join(answer)}}}"
    )


def _relatives(name: str, kind: str, parents: dict[str, str], children: dict[str, list[str]]) -> list[str]:
    above = parents.get(name)
    siblings = [one for one in children[above] if one != name] if above else []
    match kind:
        case "children":
            found = children[name]
        case "siblings":
            found = siblings
        case "grandchildren":
            found = [one for child in children[name] for one in children[child]]
        case _:
            uncles = [one for one in children.get(parents.get(above or "", ""), []) if one != above]
            found = [one for uncle in uncles for one in children[uncle]]
    return sorted(found)
