"""NeMo Gym's resources server (0.5): `POST /compat/nemo-gym/seed_session` and `/verify`.

`verify` gets the row, the request and the model's `response` in the form of OpenAI's Responses API, and answers with
all of them and `reward`. The row holds the task as `task`; or `verifier` with the task's fields beside it.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from veriward.server.compat.facade import Foreign, Results, add_grading_facade, bad_field
from veriward.server.compat.labels import task_of
from veriward.server.gateway import Gateway
from veriward.server.raw_route import add_raw_route

NOT_FIELDS = frozenset({"responses_create_params", "response", "agent_ref"})
"""Of the row: what is NeMo Gym's own, and no field of a task."""


class Verify(Foreign):
    """The row's own columns come beside these two."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())
    responses_create_params: dict[str, Any] = Field(default_factory=dict)
    response: dict[str, Any]


def add_nemo_gym(app: FastAPI, gateway: Gateway) -> None:
    async def seed_session(request: Request) -> Response:
        """Nothing is to be prepared: a rollout is judged by what `verify` gets."""
        return JSONResponse({})

    def items(asked: Verify, parameters: Mapping[str, str]) -> list[dict[str, Any]]:
        row = {name: value for name, value in (asked.model_extra or {}).items() if name not in NOT_FIELDS}
        if "task" in row:
            task = task_of(row["task"], {}, "task")
        elif "verifier" in row or "ref" in row:
            task = row
        else:
            raise bad_field("task", "the row has neither task nor verifier")
        return [{"task": task, "responses": [output_text(asked.response)]}]

    def answer(asked: Verify, results: Results) -> dict[str, Any]:
        return {**asked.model_dump(), "reward": results[0]["reward"], "reward_components": results[0]["parts"]}

    add_raw_route(app, "/compat/nemo-gym/seed_session", seed_session, "POST", {"tags": ["compat"]})
    add_grading_facade(app, gateway, "/compat/nemo-gym/verify", Verify, items, answer)


def output_text(response: dict[str, Any]) -> str:
    """What the model said in the last message of a Responses object, as `output_text` of OpenAI's client.

    Raises `Refusal` where `output` is no list of objects. A response without a message said nothing.
    """
    output = response.get("output", [])
    if not isinstance(output, list) or not all(isinstance(one, dict) for one in output):
        raise bad_field("response.output", "must be a list of objects")
    for item in reversed(output):
        if item.get("type", "message") == "message" and item.get("role", "assistant") == "assistant":
            content = item.get("content")
            if isinstance(content, str):
                return content
            parts = content if isinstance(content, list) else []
            texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "output_text"]
            return "".join(text for text in texts if isinstance(text, str))
    return ""
