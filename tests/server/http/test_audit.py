"""The audit log: what a line holds, what it never holds, and what happens to files and to verdicts."""

import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from veriward.server.app import create_app
from veriward.server.audit import RotatedFile
from veriward.server.settings import Settings

KEY = "not-to-be-written"
Audited = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def audited(queue: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Audited:
    """`async with audited(setting=…) as client`: an app that writes; its log is whole when the context ends."""
    verifiers = {one.name: one for one in request.getfixturevalue("app").state.gateway.verifiers.values()}

    @asynccontextmanager
    async def run(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        given = {"log_level": "error", "audit_file": tmp_path / "audit.jsonl", **settings}
        app = create_app(Settings(**given), queue, verifiers)
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://test", headers=headers
        ) as client:
            yield client
        app.state.gateway.audit.close()

    return run


def lines(folder: Path, name: str = "audit.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_bytes().splitlines()]


def body(*items: dict[str, Any]) -> str:
    return json.dumps({"items": list(items)})


def item(answer: str, *responses: Any, **more: Any) -> dict[str, Any]:
    return {"task": {"verifier": "math", "answer": answer}, "responses": list(responses), **more}


async def test_a_line_holds_what_replay_needs(audited: Audited, tmp_path: Path) -> None:
    asked = item("7", "so 7", "so 8", id="a/1", source="gsm8k")
    async with audited() as client:
        answer = (await client.post("/v1/grade", content=body(asked))).json()
    (line,) = lines(tmp_path)
    assert {key: line[key] for key in asked} == asked
    assert line["results"] == answer["items"][0]["results"]
    assert [(one["verifier"], one["version"], one["reward"]) for one in line["results"]] == [
        ("math", 1, 1.0), ("math", 1, 0.0),
    ]  # fmt: skip
    assert line["request_id"] == answer["request_id"]
    assert line["time"].endswith("+00:00")


async def test_a_stored_task_is_written_whole(audited: Audited, tmp_path: Path) -> None:
    task = {"verifier": "math", "answer": "7"}
    async with audited() as client:
        ref = (await client.put("/v1/tasks", content=json.dumps({"tasks": [task]}))).json()["refs"][0]
        await client.post("/v1/grade", content=body({"task": {"ref": ref}, "responses": ["7"]}))
    assert lines(tmp_path)[0]["task"] == task


async def test_streamed_results_cached_ones_and_messages_are_written(audited: Audited, tmp_path: Path) -> None:
    messages = [{"role": "assistant", "content": "so 7"}]
    async with audited() as client:
        await client.post("/v1/grade", content=body(item("7", "so 7")), headers={"accept": "application/x-ndjson"})
        await client.post("/v1/grade", content=body(item("7", "so 7", messages)))
    first, second = lines(tmp_path)
    assert first["results"][0]["reward"] == 1.0
    assert second["responses"] == ["so 7", messages]
    assert second["results"][0]["cached"]


async def test_groups_are_written_with_their_shaping(audited: Audited, tmp_path: Path) -> None:
    shaping = [{"kind": "relative_length", "weight": 0.5}]
    async with audited() as client:
        await client.post("/v1/grade", content=body(item("7", "so it is 7", "7", group_shaping=shaping)))
    (line,) = lines(tmp_path)
    assert line["group_shaping"] == shaping
    assert {one["reward"] for one in line["results"]} != {1.0}


ODD = {
    "a lone surrogate": "7 \ud800",
    "every control character": "".join(map(chr, range(32))),
    "a line break": "7\u2028\n7",
}


@pytest.mark.parametrize("response", ODD.values(), ids=ODD)
async def test_any_response_is_one_line(audited: Audited, tmp_path: Path, response: str) -> None:
    async with audited() as client:
        await client.post("/v1/grade", content=body(item("7", response)))
    assert lines(tmp_path)[0]["responses"] == [response]


async def test_nothing_of_the_caller_is_written(audited: Audited, tmp_path: Path) -> None:
    async with audited(api_keys=KEY) as client:
        headers = {"idempotency-key": "once-and-secret"}
        await client.post("/v1/grade", content=body(item("7", "7")), headers=headers)
        await client.post("/v1/grade", content=body(item("7", "7")), headers=headers)
    written = (tmp_path / "audit.jsonl").read_text()
    assert KEY not in written
    assert "secret" not in written
    assert len(lines(tmp_path)) == 1  # the repeated request ran nothing
    assert stat.S_IMODE(os.stat(tmp_path / "audit.jsonl").st_mode) == 0o600


async def test_a_sample_is_written_and_none_without_a_file(audited: Audited, tmp_path: Path) -> None:
    asked = body(*[item("7", "7") for _ in range(400)])
    async with audited(audit_sample=0.25) as client:
        assert (await client.post("/v1/grade", content=asked)).status_code == 200
    assert 40 <= len(lines(tmp_path)) <= 180  # 100 expected; 14 standard deviations at the least
    (tmp_path / "audit.jsonl").unlink()
    async with audited(audit_sample=0.0) as client:
        await client.post("/v1/grade", content=asked)
    async with audited(audit_file=None) as client:
        await client.post("/v1/grade", content=asked)
    assert not (tmp_path / "audit.jsonl").exists()


async def test_files_are_rotated_by_size_and_the_oldest_goes(audited: Audited, tmp_path: Path) -> None:
    async with audited(audit_file_bytes=700, audit_files=3) as client:
        for number in range(12):
            await client.post("/v1/grade", content=body(item(str(number), "x" * 100, id=f"row/{number}")))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    newest = [line["id"] for name in reversed(names) for line in lines(tmp_path, name)]
    assert newest == [f"row/{number}" for number in range(12 - len(newest), 12)]


async def test_what_cannot_be_written_is_counted_and_verdicts_come(audited: Audited, tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()  # no file can be opened there
    async with audited() as client:
        answer = await client.post("/v1/grade", content=body(item("7", "7")))
        assert answer.json()["items"][0]["results"][0]["reward"] == 1.0
        app = client._transport.app  # type: ignore[attr-defined]
        app.state.gateway.audit.close()
        told = (await client.get("/metrics")).text
    assert "veriward_audit_dropped_total 1.0" in told
    assert "veriward_audit_rows_total 0.0" in told


def test_a_file_taken_up_again_keeps_its_lines(tmp_path: Path) -> None:
    for line in (b"1\n", b"2\n"):
        file = RotatedFile(tmp_path / "a", 100, 2)
        file.append(line)
        file.close()
    assert (tmp_path / "a").read_bytes() == b"1\n2\n"


def test_one_file_is_begun_anew(tmp_path: Path) -> None:
    file = RotatedFile(tmp_path / "a", 3, 1)
    for line in (b"1\n", b"2\n"):
        file.append(line)
    file.close()
    assert (tmp_path / "a").read_bytes() == b"2\n"
    assert not (tmp_path / "a.1").exists()


def test_a_folder_that_does_not_exist_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is no folder"):
        Settings(audit_file=tmp_path / "none" / "audit.jsonl")
