"""`python_tool`: solve a task with a Python interpreter; any verifier judges the answer."""

from random import Random
from typing import Annotated

from pydantic import Field

from veriward.environments import Call, Environment, Example, Interpreter, JudgedTask, Step, environment, tool
from veriward.environments.showing import shown
from veriward.verifiers.verdict import InvalidTask

MAX_FILES = 32
MAX_FILE_CHARS = 1_000_000
MAX_CELL_SECONDS = 60.0
FileText = Annotated[str, Field(max_length=MAX_FILE_CHARS)]


class PythonToolTask(JudgedTask):
    """`{"verifier": …}` alone; or that in `judge`, with the interpreter's settings beside it.

    `profile` says what can be imported. `files` are texts by relative name. The limits are each cell's.
    """

    profile: str = Field(default="std", max_length=100)
    files: dict[str, FileText] = Field(default={}, max_length=MAX_FILES)
    memory_bytes: int | None = Field(default=None, ge=64 << 20, le=4096 << 20)
    cell_cpu_seconds: float = Field(default=5.0, gt=0, le=MAX_CELL_SECONDS)
    cell_wall_seconds: float = Field(default=10.0, gt=0, le=2 * MAX_CELL_SECONDS)


_SUM = {"verifier": "math", "answer": "328350"}


@environment(
    "python_tool",
    version=1,
    task=PythonToolTask,
    uses=("python", "judge"),
    examples=(
        Example(
            _SUM,
            (
                {"tool_calls": [{"name": "python", "arguments": {"code": "squares = [n * n for n in range(100)]"}}]},
                '<tool_call>{"name": "python", "arguments": {"code": "sum(squares)"}}</tool_call>',
                "So it is \\boxed{328350}.",
            ),
            "what the sum of the squares below 100 is",
        ),
        Example(
            {"judge": _SUM, "files": {"numbers.txt": "328000\n350\n"}, "prompt": "Add up the numbers in numbers.txt."},
            (
                '<tool_call>{"name": "python", "arguments": {"code": "print(sum(map(int, open(\'numbers.txt\'))))"}}'
                "</tool_call>",
                "\\boxed{328350}",
            ),
            "a file to read",
        ),
    ),
)
class PythonTool(Environment[PythonToolTask]):
    """Solve a task with a Python interpreter that keeps its state from call to call; a verifier judges the answer.

    A turn without a call is the answer. The interpreter is a stateful session in the sandbox: output, the value of a
    last expression, tracebacks of the cells alone, figures as images. One that its own code ends is said to be gone,
    and the next call begins a new one.

    Source of the pattern: ToRL (Li et al. 2025, arXiv:2503.23383), ReTool (Feng et al. 2025, arXiv:2504.11536).
    """

    def reset(self) -> str:
        told = "You have a Python interpreter; its state stays from call to call. A turn without a call is your answer."
        return f"{self.task.prompt}\n\n{told}" if self.task.prompt else told

    @tool(fence=("python", "py"))
    def python(self, code: str) -> Step:
        """Run Python code; what it prints, and the value of its last expression, come back."""
        for name in self.task.files:
            if name.startswith("/") or ".." in name.split("/"):
                raise InvalidTask("files", f"{name!r} is no relative name")
        interpreter = Interpreter(
            profile=self.task.profile,
            memory_bytes=self.task.memory_bytes,
            cpu_seconds=self.task.cell_cpu_seconds,
            wall_seconds=self.task.cell_wall_seconds,
            files=self.task.files,
        )
        return shown(self.world.python(code, interpreter))

    def answer(self, text: str) -> Step:
        judged = self.world.judge(self.task.judge.fields, text)
        return Step(outcome=judged.reward, verdict=judged.result, reason=judged.reason)

    def chance(self, rng: Random) -> Call | str:
        return (
            Call("python", {"code": f"{rng.random()}"}) if rng.random() < 0.5 else f"\\boxed{{{rng.randrange(1000)}}}"
        )
