"""Multi-turn environments with tools. One is one module; `registry.py` says how it is declared and found."""

from veriward.environments.actions import Call
from veriward.environments.environment import Environment, Step
from veriward.environments.play import Play, Turn, begin
from veriward.environments.registry import Example, Known, environment, environments
from veriward.environments.task import Budget, EpisodeTask, JudgedTask, JudgeTask, Rewards
from veriward.environments.tools import Tool, ToolError, tool
from veriward.environments.world import CellReply, Interpreter, Judged, World

__all__ = [
    "Budget",
    "Call",
    "CellReply",
    "Environment",
    "EpisodeTask",
    "Example",
    "Interpreter",
    "JudgeTask",
    "Judged",
    "JudgedTask",
    "Known",
    "Play",
    "Rewards",
    "Step",
    "Tool",
    "ToolError",
    "Turn",
    "World",
    "begin",
    "environment",
    "environments",
    "tool",
]
