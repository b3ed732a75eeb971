"""`PUT /v1/tasks` and `GET /v1/tasks/{ref}`: tasks by content hash, sent once and named ever after."""

from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from pydantic import Field
from pydantic_core import to_json

from veriward.server.auth import READ_TASKS
from veriward.server.body import body_bytes, parse_json, read_body
from veriward.server.edge import arrival
from veriward.server.envelope import MAX_FIELDS, bounded_list, check
from veriward.server.gateway import Gateway
from veriward.server.openapi import documented
from veriward.server.problems import Refusal, invalid_fields
from veriward.server.raw_route import add_raw_route
from veriward.server.task_store import ENTRY_BYTES, ReadyTask, TaskStore, fields_of, packed, whole
from veriward.verifiers import InvalidTask
from veriward.verifiers.judging import parse_task
from veriward.wire import ErrorCode, FieldError, PutTasksRequest, PutTasksResponse, StoredTask
from veriward.wire.requests import MAX_TASKS


class _Request(PutTasksRequest):
    tasks: Annotated[list[dict[Any, Any]], Field(min_length=1)]


def add_tasks(app: FastAPI, gateway: Gateway) -> None:
    store = gateway.tasks

    async def put_tasks(request: Request) -> Response:
        """Keep tasks; `refs[i]` names the i-th. Where one is at fault it is named, and none is kept."""
        most = gateway.settings.max_body_bytes
        size = body_bytes(arrival(request.scope).headers, most)
        gateway.bodies.take(size)
        try:
            ready = parse_tasks(await read_body(request.receive, most), store)
        finally:
            gateway.bodies.give(size)
        refs = await keep(gateway, ready)
        return Response(to_json(PutTasksResponse(refs=refs)), media_type="application/json")

    async def get_task(request: Request, ref: str) -> Response:
        """A stored task's verifier, size and time left; the task itself only with the scope `tasks:read`."""
        if gateway.shared is not None and store.get(ref) is None:
            store.learn(await gateway.shared.tasks([ref]))
        entry = store.get(ref)
        if entry is None:
            raise Refusal(ErrorCode.NOT_FOUND, "no task is kept under this ref (any more)")
        told = StoredTask(
            ref=ref,
            verifier=entry.task.verifier.name,
            size_bytes=len(entry.task.fields_json),
            expires_seconds=store.remaining_seconds(entry),
            task=whole(entry.task) if READ_TASKS in arrival(request.scope).caller.scopes else None,
        )
        return Response(to_json(told), media_type="application/json")

    add_raw_route(app, "/v1/tasks", put_tasks, "PUT", documented(PutTasksRequest, PutTasksResponse))
    app.add_api_route("/v1/tasks/{ref}", get_task, methods=["GET"], **documented(None, StoredTask))


async def keep(gateway: Gateway, ready: list[ReadyTask]) -> list[str]:
    """Store the tasks, for the other gateways of a fleet too, and give their refs. Raises `Refusal`."""
    store = gateway.tasks
    if sum(len(task.fields_json) + ENTRY_BYTES for task in ready) > store.max_bytes:
        raise Refusal(ErrorCode.TOO_LARGE, f"these tasks pass the store's {store.max_bytes:,} bytes")
    refs = [store.put(task) for task in ready]
    if gateway.shared is not None:
        await gateway.shared.put_tasks({ref: packed(task) for ref, task in zip(refs, ready, strict=True)})
    return refs


def parse_tasks(body: bytes, store: TaskStore) -> list[ReadyTask]:
    """The tasks, each valid for its verifier. Raises `Refusal` naming all that are not."""
    value = parse_json(body)
    bounded_list(value, "tasks", MAX_TASKS)
    ready: list[ReadyTask] = []
    errors: list[FieldError] = []
    for at, task in enumerate(check(_Request, value).tasks):
        try:
            if len(task) > MAX_FIELDS:
                raise InvalidTask("task", f"{len(task):,} fields are more than {MAX_FIELDS}")
            if "ref" in task:
                raise InvalidTask("ref", "give the task itself: only what is graded may be named by a ref")
            found = store.resolve(task)
            parse_task(found.verifier, fields_of(found))
        except InvalidTask as invalid:
            message = str(invalid).removeprefix(f"{invalid.field}: ")
            errors.append(FieldError(field=f"tasks[{at}].{invalid.field}", message=message))
        else:
            ready.append(found)
    if errors:
        raise invalid_fields(errors)
    return ready
