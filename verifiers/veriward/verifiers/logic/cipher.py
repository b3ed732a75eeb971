"""Ciphers: a text is enciphered by told rules; find what comes out, or what went in."""

import re
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator, levels
from veriward.verifiers.logic import GameTask, Unread, container, judged, last_text
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_ANSWER_CHARS = 2_000

_BRACKETS = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)


def _within(answer: Any) -> Any:
    """A published answer, "[[TEXT]]", without its brackets."""
    return answer[2:-2] if isinstance(answer, str) and answer.startswith("[[") and answer.endswith("]]") else answer


class CipherTask(GameTask):
    """`answer`: the text that comes out; with or without the double brackets of published rows."""

    answer: Annotated[str, Field(min_length=1, max_length=MAX_ANSWER_CHARS), BeforeValidator(_within)]


@verifier("logic.cipher", version=1, task=CipherTask)
def cipher(response: str, task: CipherTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last text in double brackets, or in a container of its own; case and blanks at its ends don't count.

    Published rows: SynLogic's `cipher` (arXiv:2505.19641), whose answers were evaluated as code.
    """
    right = _plain(task.answer)

    def read() -> str:
        text, _ = container(response)
        found = list(_BRACKETS.finditer(text, max(0, len(text) - 2 * MAX_ANSWER_CHARS)))
        told = _plain(found[-1][1] if found else last_text(response))
        if not told:
            raise Unread("the answer is empty")
        return told

    return judged(read, lambda told: None if told == right else "it is another text")


def _plain(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return " ".join(text.upper().split())


class CipherParameters(Parameters):
    """`letters` of the text, and how many ciphers are applied one after the other."""

    letters: int = dial(8, 40, ge=3, le=200)
    steps: Literal[1, 2, 3] = levels(1, 2, 3, about="ciphers one after the other")
    way: Literal["both", "encipher", "decipher"] = "both"
    language: Literal["en", "zh"] = "en"


KINDS = ("shift", "mirror", "affine", "key", "substitution", "rails", "columns", "blocks")
RULES = {
    "en": {
        "shift": "Each letter is replaced by the one {0} places further in the alphabet, A after Z.",
        "mirror": "Each letter is replaced by the one that is as far from Z as it is from A: A by Z, B by Y.",
        "affine": "With A = 0 to Z = 25, letter x is replaced by letter ({0}x + {1}) mod 26.",
        "key": "With A = 0 to Z = 25, the letters of the key {0}, written again and again under the text, are added to "
        "the letters above them, mod 26.",
        "substitution": "The letters A to Z are replaced by these, in their order: {0}.",
        "rails": "The text is written in a zigzag down and up over {0} lines, one letter per column, beginning in the "
        "first; then the lines are read one after the other.",
        "columns": "The text is written in rows of {0} letters, the last one maybe shorter; then the columns are read, "
        "from the left, each from the top.",
        "blocks": "The text is cut into blocks of {0} letters, the last one maybe shorter, and each is reversed.",
    },
    "zh": {
        "shift": "每个字母替换为字母表中向后第 {0} 个字母，Z 之后回到 A。",
        "mirror": "每个字母替换为字母表中对称的字母：A 换成 Z，B 换成 Y，依此类推。",
        "affine": "令 A = 0，…，Z = 25，字母 x 替换为字母 ({0}x + {1}) mod 26。",
        "key": "令 A = 0，…，Z = 25，将密钥 {0} 重复写在文本下方，对应字母相加后对 26 取模。",
        "substitution": "字母 A 到 Z 依次替换为：{0}。",
        "rails": "将文本按之字形（先下后上）写在 {0} 行上，每列一个字母，从第一行开始；然后逐行读出。",
        "columns": "将文本按每行 {0} 个字母写出，最后一行可以较短；然后从左到右逐列、从上到下读出。",
        "blocks": "将文本分成每块 {0} 个字母，最后一块可以较短，每块内反转。",
    },
}
TASKS = {
    ("en", True): "Encipher this text: {0}",
    ("en", False): "The result is this text; what was enciphered? {0}",
    ("zh", True): "请加密以下文本：{0}",
    ("zh", False): "加密结果如下，原文是什么？{0}",
}
PROMPTS = {
    "en": """A text of capital letters is enciphered like this, step after step:
{rules}

{task}

Give the text at the end in double brackets in a fenced block:
```
[["…"]]
```""",
    "zh": """由大写字母组成的文本按以下步骤依次加密：
{rules}

{task}

请在最后的代码块中用双方括号给出文本：
```
[["…"]]
```""",
}


@generator("logic.cipher", version=1, parameters=CipherParameters, unique=True)
def generate(rng: Random, parameters: CipherParameters, /) -> Generated:
    """Random letters and random ciphers, each of which can be undone."""
    language = parameters.language
    plain = "".join(rng.choice(ALPHABET) for _ in range(parameters.letters))
    secret = plain
    rules: list[str] = []
    for kind in rng.sample(KINDS, parameters.steps):
        settings = _settings(rng, kind)
        rules.append(f"{len(rules) + 1}. {RULES[language][kind].format(*settings)}")
        secret = _enciphered(kind, settings, secret)
    forth = parameters.way == "encipher" or (parameters.way == "both" and rng.random() < 0.5)
    given, answer = (plain, secret) if forth else (secret, plain)
    prompt = PROMPTS[language].format(rules="\n".join(rules), task=TASKS[language, forth].format(given))
    return Generated(prompt=prompt, task=CipherTask(answer=answer), reference=f'```\n[["{answer}"]]\n```')


def _settings(rng: Random, kind: str) -> list[Any]:
    match kind:
        case "shift":
            return [rng.randint(1, 25)]
        case "affine":
            return [rng.choice((3, 5, 7, 9, 11, 15, 17, 19, 21, 23, 25)), rng.randint(0, 25)]
        case "key":
            return ["".join(rng.sample(ALPHABET, rng.randint(3, 6)))]
        case "substitution":
            return ["".join(rng.sample(ALPHABET, 26))]
        case "mirror":
            return []
    return [rng.randint(2, 5)]


def _enciphered(kind: str, settings: list[Any], text: str) -> str:
    numbers = [ALPHABET.index(letter) for letter in text]
    size: Any = settings[0] if settings else 0
    match kind:
        case "shift":
            return _letters([number + size for number in numbers])
        case "mirror":
            return _letters([25 - number for number in numbers])
        case "affine":
            return _letters([settings[0] * number + settings[1] for number in numbers])
        case "key":
            return _letters([number + ALPHABET.index(size[at % len(size)]) for at, number in enumerate(numbers)])
        case "substitution":
            return "".join(size[number] for number in numbers)
        case "columns":
            return "".join(text[at::size] for at in range(size))
        case "blocks":
            return "".join(text[at : at + size][::-1] for at in range(0, len(text), size))
    lines = [""] * size
    for at, letter in enumerate(text):
        across = at % (2 * size - 2)
        lines[min(across, 2 * size - 2 - across)] += letter
    return "".join(lines)


def _letters(numbers: list[int]) -> str:
    return "".join(ALPHABET[number % 26] for number in numbers)
