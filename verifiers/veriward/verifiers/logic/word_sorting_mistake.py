"""Mistakes in word sorting: at which step does a sort go wrong first?"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.generators import Generated, Parameters, dial, generator
from veriward.verifiers.logic import GameTask, judged, last_text, last_whole_number
from veriward.verifiers.logic.wordlists import WORDS
from veriward.verifiers.registry import verifier
from veriward.verifiers.verdict import Verdict

MAX_STEPS = 10_000
NONE = {"no", "none", "no mistake", "no mistakes", "无", "没有"}


def _step(answer: Any) -> Any:
    """A published answer: a number, a text of one, "No" or null."""
    if isinstance(answer, str):
        return None if answer.strip().lower() in NONE else int(answer) if answer.isdecimal() else answer
    return answer


def golds(fields: Mapping[str, Any]) -> Iterator[str]:
    """The step's number, or No."""
    if "answer" in fields:
        step = _step(fields["answer"])
        yield f"\\boxed{{{'No' if step is None else step}}}"


class WordSortingMistakeTask(GameTask):
    """`answer`: the number of the first wrong step; null or "No" where there is none."""

    answer: Annotated[Annotated[int, Field(ge=1, le=MAX_STEPS)] | None, BeforeValidator(_step)]


@verifier("logic.word_sorting_mistake", version=1, task=WordSortingMistakeTask, golds=golds)
def word_sorting_mistake(response: str, task: WordSortingMistakeTask, sandbox: Sandbox, /) -> Verdict:
    """Take the last number, or No, with nothing beside it; it is the first wrong step, or there is none.

    Published rows: SynLogic's `word_sorting_mistake` (arXiv:2505.19641).
    """

    def read() -> str:
        told = last_text(response).removeprefix("\\text{").removesuffix("}").strip(" .。*\"'").lower()
        return "No" if told in NONE else str(last_whole_number(response))

    right = "No" if task.answer is None else str(task.answer)
    return judged(read, lambda told: None if told == right else "it is not the first mistake")


class WordSortingMistakeParameters(Parameters):
    """How many words are sorted; `mistakes`: share of the sorts that go wrong."""

    words: int = dial(5, 20, ge=3, le=40)
    mistakes: float = dial(0.85, 0.85, ge=0.0, le=1.0)
    language: Literal["en", "zh"] = "en"


PROMPTS = {
    "en": """Someone sorts these words alphabetically, by putting one after the other into its place in a list:

{words}

{steps}

Each step goes on from the list of the step before, right or wrong. Which is the first step that is wrong: that loses \
or changes a word, or puts the new one in a wrong place?

Give only its number at the end, or No if there is none, in \\boxed{{}}.""",
    "zh": """有人将下列单词按字母顺序排序，方法是把单词一个接一个放入列表中的适当位置：

{words}

{steps}

每一步都从上一步的列表（无论对错）继续。第一个错误的步骤是哪一步（丢失或改变了单词，或把新单词放错了位置）？

请在最后的 \\boxed{{}} 中只给出该步骤的编号；如果没有错误，写 No。""",
}
STEP = {"en": "Thought {0}: {1} comes in: {2}", "zh": "Thought {0}: 放入 {1}：{2}"}


@generator("logic.word_sorting_mistake", version=1, parameters=WordSortingMistakeParameters, unique=True)
def generate(rng: Random, parameters: WordSortingMistakeParameters, /) -> Generated:
    """A sort by insertion, in which one step is changed, or none."""
    words = rng.sample(WORDS, parameters.words)
    mistake = rng.randint(2, len(words)) if rng.random() < parameters.mistakes else None
    placed: list[str] = []
    steps = []
    for at, word in enumerate(words, 1):
        # After a mistake the list may be unsorted: a word goes before the first that is after it.
        place = next((place for place, one in enumerate(placed) if one > word), len(placed))
        if at == mistake:
            kind = rng.choice(("place", "loss") if at > 2 else ("place",))
            if kind == "loss":
                placed.insert(place, word)
                placed.remove(rng.choice([one for one in placed if one != word]))
            else:
                placed.insert(rng.choice([other for other in range(at) if other != place]), word)
        else:
            placed.insert(place, word)
        steps.append(STEP[parameters.language].format(at, word, " < ".join(placed)))
    prompt = PROMPTS[parameters.language].format(words=", ".join(words), steps="\n".join(steps))
    told = "No" if mistake is None else str(mistake)
    return Generated(prompt=prompt, task=WordSortingMistakeTask(answer=mistake), reference=f"\\boxed{{{told}}}")
