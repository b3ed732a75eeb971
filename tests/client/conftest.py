"""A loopback server that speaks version 1 and can be told to misbehave, and both clients behind one call."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
import uvicorn

from veriward.client import AsyncClient, Client

Send = Callable[[dict[str, Any]], Awaitable[None]]
Fault = Callable[[Send], Awaitable[None]]


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    peer: Any

    @property
    def key(self) -> str:
        return self.headers["idempotency-key"]


@dataclass
class Standin:
    """Grades a response by equality with the task's `answer`; `faults` come first, one per request."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)  # set: answers are given

    def __post_init__(self) -> None:
        self.hold.set()

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = json.loads(content) if content else None
        self.seen.append(Seen(scope["method"], scope["path"], headers, body, scope["client"]))
        while not self.hold.is_set():
            await asyncio.sleep(0.001)
        if self.faults:
            await self.faults.pop(0)(send)
        elif headers["accept"] == "application/x-ndjson":
            await answer(send, "".join(json.dumps(line) + "\n" for line in stream_lines(body)), "application/x-ndjson")
        else:
            await answer(send, json.dumps(self.reply(scope["path"].removeprefix("/prefix"), body)))

    def will_refuse(self, status: int, code: str, detail: str = "", **headers: str) -> None:
        problem = json.dumps({"title": "Refused", "status": status, "code": code, "detail": detail})
        self.faults.append(lambda send: answer(send, problem, "application/problem+json", status, 0, headers))

    def will_say(self, text: str, status: int = 200) -> None:
        self.faults.append(lambda send: answer(send, text, "text/html", status))

    def will_cut_off(self, text: str = "") -> None:
        """Promise more than is sent: uvicorn then closes the connection."""
        self.faults.append(lambda send: answer(send, text, promised=len(text) + 100))

    def reply(self, path: str, body: Any) -> Any:
        identity = {"request_id": f"r{len(self.seen)}"}
        match path:
            case "/v1/grade":
                return identity | {"items": [graded_item(item) for item in body["items"]]}
            case "/v1/execute":
                return identity | {"runs": [{"status": "finished", "stdout": run["code"]} for run in body["runs"]]}
            case "/v1/tasks":
                return {"refs": [f"sha256:{task['answer']}" for task in body["tasks"]]}
            case "/v1/verifiers":
                return {"verifiers": [{"name": "same", "version": 1, "summary": "Equality."}]}
            case "/readyz":
                return {}
            case _:
                return {"name": path.rpartition("/")[2], "version": 1, "summary": "Equality.", "task_schema": {}}


def graded_item(item: Any) -> Any:
    return {"id": item.get("id", ""), "results": [graded(item["task"], reply) for reply in item["responses"]]}


def graded(task: Any, reply: Any) -> Any:
    if task.get("verifier") != "same":
        return {"status": "invalid_task", "reason": "no such verifier"}
    said = reply if isinstance(reply, str) else reply[-1]["content"]
    right = said == task["answer"]
    return {"status": "graded", "reward": float(right), "outcome": "correct" if right else "wrong"}


def stream_lines(body: Any) -> list[Any]:
    """Last result first, as a stream may have it."""
    lines = [
        {"item": i, "response": r, "result": graded(item["task"], reply)}
        for i, item in enumerate(body["items"])
        for r, reply in enumerate(item["responses"])
    ]
    return [*reversed(lines), {"done": True, "request_id": "r", "results": len(lines)}]


async def answer(
    send: Send,
    text: str,
    media_type: str = "application/json",
    status: int = 200,
    promised: int = 0,
    more: dict[str, str] | None = None,
) -> None:
    body = text.encode()
    headers = {"content-type": media_type, "content-length": str(promised or len(body)), **(more or {})}
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": bool(promised)})


@pytest.fixture(scope="session")
def listening() -> Iterator[Standin]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = Standin(f"http://127.0.0.1:{listener.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield app
        app.hold.set()
        server.should_exit = True
        thread.join()


@pytest.fixture
def standin(listening: Standin) -> Standin:
    listening.faults.clear()
    listening.seen.clear()
    listening.hold.set()
    return listening


@pytest.fixture
def closed_url() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


class Ask(Protocol):
    def __call__(self, call: str, *args: Any, client: dict[str, Any] | None = None, **kwargs: Any) -> Any: ...


@pytest.fixture(params=["Client", "AsyncClient"])
def ask(request: pytest.FixtureRequest, standin: Standin) -> Ask:
    """`ask("grade", items, client={…})`: one call of either client, to the stand-in unless told otherwise."""

    def blocking(call: str, *args: Any, client: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        with Client(**{"url": standin.url, **(client or {})}) as made:
            answered = getattr(made, call)(*args, **kwargs)
            return list(answered) if call == "grade_stream" else answered

    def awaited(call: str, *args: Any, client: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        async def main() -> Any:
            async with AsyncClient(**{"url": standin.url, **(client or {})}) as made:
                answered = getattr(made, call)(*args, **kwargs)
                if isinstance(answered, AsyncIterator):
                    return [line async for line in answered]
                return await answered

        return asyncio.run(main())

    return blocking if request.param == "Client" else awaited
