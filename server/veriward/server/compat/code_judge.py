"""code-judge: `/compat/code-judge/run`, `/judge`, their `/batch` and `/long-batch` forms, `/status` and `/ping`.

A program's output is compared with `expected_output`, outer blanks apart, here: it never meets the program. `cost` is
the program's CPU time, seconds, where code-judge gives wall time.
"""

from typing import Any, Literal
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import Field

from veriward.server.compat.facade import Foreign, Results, add_executing_facade
from veriward.server.gateway import Gateway
from veriward.server.raw_route import add_raw_route
from veriward.wire import RunStatus
from veriward.wire.requests import MAX_RUNS

REASONS = {RunStatus.ERROR: "internal_error", RunStatus.TIME_LIMIT: "worker_timeout"}


class Submission(Foreign):
    sub_id: str | None = None
    type: Literal["python", "cpp"]
    solution: str
    input: str | None = None
    expected_output: str | None = None

    def run(self) -> dict[str, Any]:
        return {"language": self.type, "code": self.solution, "stdin": self.input or ""}

    def result(self, run: dict[str, Any]) -> dict[str, Any]:
        """code-judge's `SubmissionResult`. Output is told only where nothing is expected, as there."""
        finished = run["status"] == RunStatus.FINISHED
        expected = self.expected_output
        shown = expected is None
        return {
            "sub_id": self.sub_id or str(uuid4()),
            "success": finished and (expected is None or run["stdout"].strip() == expected.strip()),
            "run_success": finished,
            "cost": run["usage"]["cpu_seconds"],
            "stdout": run["stdout"] if shown else None,
            "stderr": run["stderr"] if shown else None,
            "reason": REASONS.get(run["status"], ""),
        }


class BatchSubmission(Foreign):
    sub_id: str | None = None
    type: Literal["batch"] = "batch"
    submissions: list[Submission] = Field(min_length=1, max_length=MAX_RUNS)


def add_code_judge(app: FastAPI, gateway: Gateway) -> None:
    for verb in ("run", "judge"):

        def one(asked: Submission, results: Results, verb: str = verb) -> dict[str, Any]:
            return _told(asked.result(results[0]), verb)

        def batch(asked: BatchSubmission, results: Results, verb: str = verb) -> dict[str, Any]:
            told = [each.result(run) for each, run in zip(asked.submissions, results, strict=True)]
            return {"sub_id": asked.sub_id or str(uuid4()), "results": [_told(result, verb) for result in told]}

        path = f"/compat/code-judge/{verb}"
        add_executing_facade(app, gateway, path, Submission, lambda asked: [asked.run()], one)
        for form in ("batch", "long-batch"):
            runs = _runs_of_all
            add_executing_facade(app, gateway, f"{path}/{form}", BatchSubmission, runs, batch)

    async def status(request: Request) -> Response:
        depth = gateway.running_queue().depth()
        return JSONResponse({"queue": depth.waiting, "num_workers": depth.workers})

    async def ping(request: Request) -> Response:
        return PlainTextResponse("pong")

    add_raw_route(app, "/compat/code-judge/status", status, "GET", {"tags": ["compat"]})
    add_raw_route(app, "/compat/code-judge/ping", ping, "GET", {"tags": ["compat"]})


def _runs_of_all(asked: BatchSubmission) -> list[dict[str, Any]]:
    return [each.run() for each in asked.submissions]


def _told(result: dict[str, Any], verb: str) -> dict[str, Any]:
    """`judge` answers without the output."""
    if verb == "run":
        return result
    return {name: value for name, value in result.items() if name not in ("stdout", "stderr")}
