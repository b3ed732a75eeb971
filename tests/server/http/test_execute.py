"""`POST /v1/execute`: programs go to the sandbox within its bounds, and each is answered in its place."""

import json
from typing import Any

import httpx
import pytest

from veriward.sandbox.execution import MAX_CODE_BYTES, MAX_FILES
from veriward.sandbox.frames import unpack_execution
from veriward.wire import ExecuteResponse, Problem


async def execute(client: httpx.AsyncClient, *runs: Any, **fields: Any) -> httpx.Response:
    return await client.post("/v1/execute", content=json.dumps({"runs": runs, **fields}))


async def test_programs_are_answered_in_order(client: httpx.AsyncClient, queue: Any) -> None:
    answer = await execute(client, *({"code": f"print({n})"} for n in range(5)), priority="low")
    told = ExecuteResponse.model_validate_json(answer.content)
    assert told.request_id == answer.headers["x-request-id"]
    assert [(run.status, run.stdout) for run in told.runs] == [("finished", f"print({n})") for n in range(5)]
    assert told.runs[0].limits.keys() == {"wall_seconds", "cpu_seconds", "memory_bytes", "output_bytes", "processes"}
    assert {job.priority.name for job in queue.jobs} == {"LOW"}


async def test_a_program_arrives_whole(client: httpx.AsyncClient, queue: Any) -> None:
    run = {"code": "é", "stdin": "ü", "files": {"a.txt": "ß"}, "limits": {"cpu_seconds": 3}, "profile": "std"}
    answer = await execute(client, run)
    execution = unpack_execution(queue.jobs[0].payload)
    assert (execution.code, execution.inputs, execution.files) == ("é", ("ü".encode(),), {"a.txt": "ß".encode()})
    assert (execution.limits.cpu_seconds, execution.limits.wall) == (3.0, 6.0)
    assert answer.json()["runs"][0]["limits"]["wall_seconds"] == 6.0


async def test_what_could_not_be_run_is_an_error_with_its_reason(client: httpx.AsyncClient, queue: Any) -> None:
    queue.answer = lambda job, index: {"status": "invalid_task", "reason": "files no such language"}
    [run] = ExecuteResponse.model_validate_json((await execute(client, {"code": "x"})).content).runs
    assert (run.status, run.reason) == ("error", "invalid_task: files no such language")


BAD_RUNS: dict[str, tuple[list[Any], list[str]]] = {
    "no runs": ([], ["runs"]),
    "no code": ([{}], ["runs[0].code"]),
    "every unknown field": (
        [{"code": "", "x": 1}, {"code": "", "limits": {"y": 1}}],
        ["runs[0].x", "runs[1].limits.y"],
    ),
    "code that is too long": ([{"code": "é" * (MAX_CODE_BYTES // 2 + 1)}], ["runs[0].code"]),
    "code with a lone surrogate": ([{"code": "\ud800"}], ["runs[0].code"]),
    "a file with a lone surrogate in it": ([{"code": "", "files": {"a": "\ud800"}}], ["runs[0].files.a"]),
    "a file named by a lone surrogate": ([{"code": "", "files": {"\ud800": ""}}], ["runs[0].files.?"]),
    "too many files": ([{"code": "", "files": {str(n): "" for n in range(MAX_FILES + 1)}}], ["runs[0].files"]),
    "a file that is no text": ([{"code": "", "files": {"a": 1}}], ["runs[0].files.a"]),
    "a language that there is not": ([{"code": ""}, {"code": "", "language": "cobol"}], ["runs[1].language"]),
    "a profile that there is not": ([{"code": ""}, {"code": "", "profile": "best"}], ["runs[1].profile"]),
    "a profile for another language": ([{"code": "", "profile": "sci", "language": "bash"}], ["runs[0].profile"]),
    "a language with a lone surrogate": ([{"code": "", "language": "\ud800"}], ["runs[0].language"]),
    "limits past the sandbox's": (
        [{"code": "", "limits": {"wall_seconds": 121, "cpu_seconds": 61, "memory_bytes": 1 << 40}}],
        ["runs[0].limits.wall_seconds", "runs[0].limits.cpu_seconds", "runs[0].limits.memory_bytes"],
    ),
    "limits of nothing": ([{"code": "", "limits": {"processes": 0}}], ["runs[0].limits.processes"]),
    "a limit that is not a number": (
        [{"code": "", "limits": {"cpu_seconds": float("nan")}}],
        ["runs[0].limits.cpu_seconds"],
    ),
    "1,001 runs": ([{"code": ""}] * 1_001, ["runs"]),
}


@pytest.mark.parametrize("case", BAD_RUNS.values(), ids=BAD_RUNS)
async def test_a_bad_run_is_named(client: httpx.AsyncClient, queue: Any, case: tuple[list[Any], list[str]]) -> None:
    runs, fields = case
    answer = await execute(client, *runs)
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.code, queue.jobs) == (422, "invalid_request", [])
    assert [error.field for error in problem.errors] == fields


async def test_a_flood_of_files_is_refused_before_it_is_looked_at(client: httpx.AsyncClient) -> None:
    answer = await execute(client, {"code": "", "files": {str(n): 1 for n in range(200_000)}})
    assert answer.json()["detail"] == "runs[…].files: 200,000 fields are more than 100"
