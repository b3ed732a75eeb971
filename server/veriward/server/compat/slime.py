"""slime's `--rm-type remote_rm` (0.3): `POST /compat/slime`.

The whole answer is the reward: a number. From `/compat/slime/detail` it is an object, for `--reward-key reward`.
What is not 200 slime tries ten times.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from veriward.server.compat.facade import Foreign, Results, add_grading_facade
from veriward.server.compat.labels import task_of
from veriward.server.gateway import Gateway


class Sample(Foreign):
    """`label` is the task, as JSON or as an object."""

    prompt: Any = ""
    response: str
    label: Any = None


def add_slime(app: FastAPI, gateway: Gateway) -> None:
    def items(asked: Sample, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        return [{"task": task_of(asked.label, parameters, "label"), "responses": [asked.response]}]

    def number(asked: Sample, results: Results) -> Any:
        return results[0]["reward"]

    def everything(asked: Sample, results: Results) -> Any:
        return {"reward": results[0]["reward"], **results[0]["metrics"], **results[0]["parts"]}

    add_grading_facade(app, gateway, "/compat/slime", Sample, items, number)
    add_grading_facade(app, gateway, "/compat/slime/detail", Sample, items, everything)
