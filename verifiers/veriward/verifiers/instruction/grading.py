"""The verifier `instruction`: checks of what a prompt asked for, by their published ids."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from veriward.sandbox.execution import Sandbox
from veriward.verifiers.answers import answer_region
from veriward.verifiers.instruction import copying, counting, custom, keywords, layout, patterns
from veriward.verifiers.instruction.checks import CHECKS, BadArguments
from veriward.verifiers.instruction.language import identifier
from veriward.verifiers.registry import Task, verifier
from veriward.verifiers.verdict import Verdict, unparsed
from veriward.wire.outcomes import Outcome

MAX_INSTRUCTIONS = 32
# Checks are linear, but they are up to 32, each of up to eight readings.
MAX_TEXT_CHARS = 100_000
MAX_PROMPT_CHARS = 100_000
FAMILIES = (copying, counting, custom, keywords, layout, patterns)
"""The modules whose import declares the checks."""

Followed = Callable[[str], bool]


class InstructionTask(Task):
    """`kwargs`: one object of arguments, or null, for each id; arguments of null are left out, as in published rows.

    `set` names the benchmark that the row is from; the ids of both, and of IFEval-G, are known under either. `prompt`
    stands in for a missing `prompt_to_repeat`.
    """

    set: Literal["ifeval", "ifbench"] = "ifeval"
    instruction_id_list: Annotated[list[str], Field(min_length=1, max_length=MAX_INSTRUCTIONS)]
    kwargs: Annotated[list[dict[str, Any] | None], Field(max_length=MAX_INSTRUCTIONS)] | None = None
    prompt: Annotated[str, Field(max_length=MAX_PROMPT_CHARS)] | None = None
    mode: Literal["strict_all", "loose_all", "fraction"] = "strict_all"

    _checks: list[tuple[str, Followed]] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _bind(self) -> "InstructionTask":
        kwargs = [None] * len(self.instruction_id_list) if self.kwargs is None else self.kwargs
        if len(kwargs) != len(self.instruction_id_list):
            raise ValueError(f"kwargs has {len(kwargs)} entries for {len(self.instruction_id_list)} instructions")
        for at, (name, given) in enumerate(zip(self.instruction_id_list, kwargs, strict=True)):
            check = CHECKS.get(name)
            if check is None:
                raise ValueError(f"{name!r} is no known instruction")
            arguments = dict(given or {})
            if check.repeats_the_prompt and arguments.get("prompt_to_repeat") is None:
                arguments["prompt_to_repeat"] = self.prompt
            try:
                bound = check.bound(arguments)
            except BadArguments as bad:
                raise ValueError(f"kwargs[{at}].{bad.name} of {name}: {bad}") from None
            label = name if self.instruction_id_list.count(name) == 1 else f"{name}#{at}"
            self._checks.append((label, bound))
        return self

    @property
    def checks(self) -> list[tuple[str, Followed]]:
        """Each instruction's label, unique within the task, and its check."""
        return self._checks


@verifier(
    "instruction",
    version=1,
    task=InstructionTask,
    preload=("emoji", "numpy", "py3langid", "syllapy"),
    warm_up=identifier,
    cpu_seconds=10.0,
    wall_seconds=20.0,
)
def instruction(response: str, task: InstructionTask, sandbox: Sandbox, /) -> Verdict:
    """Check that the response follows each instruction: IFEval's 25 ids, IFEval-G's 29 more, IFBench's 58.

    Sources: IFEval (Zhou et al. 2023, arXiv:2311.07911), IFEval-G as open-instruct checks it, IFBench (Pyatkin et al.
    2025, arXiv:2507.02833). `strict_all` (default): 1 if the response follows all, else 0. `loose_all`: an instruction
    is followed if any of eight readings follows it: without its first line, its last, both, and each of these without
    `*`. `fraction`: the share that the response follows strictly. `parts` says which.

    Thinking and `<answer>` tags are left out first; a blank response follows nothing. Where the published check passes
    what nobody asked for, ours does not: no text of no language, no empty JSON, no two constrained answers, no
    palindrome of one letter, no repeated words where different ones are asked for. Marks are no words. Sentences,
    words and verbs are told by rules of our own instead of NLTK's models, so that rare texts are counted otherwise.

    Known limit: text that means nothing but meets the counts passes; combine with a judge of quality.
    """
    region = answer_region(response)
    if region is None:
        return unparsed("the thinking never ends")
    text = region.replace("<answer>", "").replace("</answer>", "").strip("\n")
    if not text.strip():
        return unparsed("the response is blank")
    if len(text) > MAX_TEXT_CHARS:
        return unparsed(f"{len(text):,} characters, more than {MAX_TEXT_CHARS:,}")
    readings = _readings(text) if task.mode == "loose_all" else [text]
    parts = {label: float(any(map(followed, readings))) for label, followed in task.checks}
    share = sum(parts.values()) / len(parts)
    reward = share if task.mode == "fraction" else float(share == 1)
    outcome = Outcome.CORRECT if reward == 1 else Outcome.PARTIAL if reward > 0 else Outcome.WRONG
    missed = ", ".join(label for label, part in parts.items() if not part)
    reason = f"not followed: {missed}" if missed else ""
    return Verdict(outcome, reward, parts, reason=reason, metrics={"followed": share})


def _readings(text: str) -> list[str]:
    """The text and what the loose mode makes of it, blank ones left out."""
    lines = text.split("\n")
    shorter = ["\n".join(kept).strip() for kept in (lines[1:], lines[:-1], lines[1:-1])]
    readings = [text, *shorter]
    return [one for one in dict.fromkeys([*readings, *(one.replace("*", "") for one in readings)]) if one.strip()]
