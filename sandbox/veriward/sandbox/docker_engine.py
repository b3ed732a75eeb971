"""A container engine with Docker's interface: the one file that speaks to it.

Containers get no network, no capability, a read-only root, and no other user than nobody; only what the sandbox inside
needs to make namespaces of its own is let through (`seccomp-container.json`, an unmasked /proc).
"""

import contextlib
import os
import select
import socket
import struct
from collections.abc import Iterator
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from veriward.sandbox.backends import DEFAULT_IMAGE, Backend
from veriward.sandbox.errors import IsolationUnavailable, SandboxError
from veriward.sandbox.execution import MAX_LIMITS, MIB

OWNER_LABEL = "veriward.owner"
HOST_LABEL = "veriward.host"
DIRECTORY = "/veriward"
"""Where a container finds our sources; a memory file system, the only other thing it may write to being /tmp."""
NOBODY = "65534:65534"
_CALL_SECONDS = 60
_SOURCES_BYTES = 16 * MIB
_OTHER_PROCESSES = 32  # a keeper's, its zygotes and their spares, and the threads that a compiler may have beside
_CHUNK = struct.Struct(">BxxxI")
_STDOUT, _STDERR = 1, 2
_MAX_STDERR_BYTES = 4096
_READ_BYTES = 1 << 20


class Lost(ConnectionError):
    """A container is gone, with the program in it. Runs are pure: the supervisor starts another keeper and repeats."""


class Engine:
    """Raises `IsolationUnavailable`, which says what to do, if it can't run what `backend` names."""

    def __init__(self, backend: Backend, owner: str, host: str) -> None:
        self._backend = backend
        self.image = backend.image
        self.name = f"docker+{backend.runtime}" if backend.runtime else backend.name
        self._labels = {OWNER_LABEL: owner, HOST_LABEL: host}
        named = {"base_url": backend.engine} if backend.engine else {}
        try:
            self._client: Any = docker.from_env(timeout=_CALL_SECONDS) if not named else docker.DockerClient(**named)
            info = self._client.info()
        except (DockerException, OSError) as fault:
            raise IsolationUnavailable(_unreachable(backend, fault)) from fault
        self.kernel: str = info["KernelVersion"]
        if backend.runtime and backend.runtime not in info.get("Runtimes", {}):
            there = ", ".join(sorted(info.get("Runtimes", {})))
            raise IsolationUnavailable(
                f"the container engine has no runtime {backend.runtime!r}; there are: {there}. To do: install it and "
                "name it in the engine's daemon.json, under `runtimes`, or set docker_runtime to one of those"
            )
        try:
            self._client.images.get(backend.image)
        except ImageNotFound as fault:
            raise IsolationUnavailable(_without_image(backend.image)) from fault

    def start(self, command: list[str], memory_bytes: int) -> "Container":
        """A container that runs `command`, attached to; it goes away when its process ends, or this one."""
        api = self._client.api
        settings = api.create_host_config(
            auto_remove=True,
            cap_drop=["ALL"],
            log_config={"Type": "none"},
            mem_limit=memory_bytes,
            memswap_limit=memory_bytes,
            network_mode="none",
            pids_limit=MAX_LIMITS.processes + _OTHER_PROCESSES,
            read_only=True,
            runtime=self._backend.runtime or None,
            security_opt=["no-new-privileges", f"seccomp={_seccomp()}"],
            tmpfs={DIRECTORY: f"size={_SOURCES_BYTES},mode=777", "/tmp": "size=1m,mode=1777"},
        )
        # What `--security-opt systempaths=unconfined` stands for: with a masked /proc no namespace may mount its own.
        settings.update(MaskedPaths=[], ReadonlyPaths=[])
        try:
            created = api.create_container(
                self._backend.image,
                command,
                user=NOBODY,
                labels=self._labels,
                stdin_open=True,
                environment={"LANG": "C.UTF-8"},
                entrypoint=[],
                working_dir="/",
                host_config=settings,
                stop_signal="SIGKILL",
                hostname="sandbox",
            )
            container = Container(api, created["Id"])
            try:
                container.attach()
                api.start(created["Id"])
            except BaseException:
                container.remove()
                raise
        except (DockerException, OSError) as fault:
            raise SandboxError(f"the container engine could not start a container: {_told(fault)}") from fault
        return container

    def containers(self) -> Iterator[tuple[str, str]]:
        """Id and owner of each container of this host's, whatever state it is in."""
        labels = [f"{HOST_LABEL}={self._labels[HOST_LABEL]}", OWNER_LABEL]
        for entry in self._client.api.containers(all=True, filters={"label": labels}):
            yield entry["Id"], entry["Labels"][OWNER_LABEL]

    def remove(self, identity: str) -> None:
        _remove(self._client.api, identity)


class Container:
    """Its standard input and output as one connection; what it writes to stderr is kept, for complaints."""

    def __init__(self, api: Any, identity: str) -> None:
        self.identity = identity
        self._api = api
        self._memory_bytes = 0
        self._raw = self._out = b""
        self._stderr = b""
        self._is_over = False

    def attach(self) -> None:
        """Before it starts, so that nothing it says is missed."""
        self._stream = self._api.attach_socket(
            self.identity, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        )
        self._sock: socket.socket = getattr(self._stream, "_sock", self._stream)
        self._sock.settimeout(None)

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, content: bytes) -> None:
        try:
            self._sock.sendall(content)
        except OSError as fault:
            raise Lost(f"a container is gone: {fault}") from fault

    def is_ready(self) -> bool:
        """Whether `receive` would not wait."""
        return bool(self._out) or self._is_over or bool(select.select([self._sock], [], [], 0)[0])

    def receive(self, most_bytes: int) -> bytes:
        """Some of what it wrote to stdout; b"" when it has ended."""
        while not self._out and not self._is_over:
            try:
                content = self._sock.recv(_READ_BYTES)
            except OSError:
                content = b""
            self._is_over = not content
            self._raw += content
            self._take_chunks()
        some, self._out = self._out[:most_bytes], self._out[most_bytes:]
        return some

    def exactly(self, size: int) -> bytes:
        """Raises `Lost` when it has ended."""
        parts = []
        while size:
            parts.append(self.receive(size))
            if not parts[-1]:
                raise Lost(f"a container has ended: {self.complaint() or 'it did not say why'}")
            size -= len(parts[-1])
        return b"".join(parts)

    def limit(self, memory_bytes: int) -> None:
        """Bound all of its memory, before the next program. Raises `Lost`."""
        if self._memory_bytes != memory_bytes:
            try:
                self._api.update_container(self.identity, mem_limit=memory_bytes, memswap_limit=memory_bytes)
            except (DockerException, OSError) as fault:
                raise Lost(f"a container's memory could not be bounded: {_told(fault)}") from fault
            self._memory_bytes = memory_bytes

    def complaint(self) -> str:
        """The last that it wrote to stderr."""
        return self._stderr.decode(errors="replace").strip().rpartition("\n")[2]

    def remove(self) -> None:
        """Kill it, with all that it runs. Nothing of it is left."""
        if hasattr(self, "_sock"):
            self._sock.close()
            self._stream.close()
        _remove(self._api, self.identity)

    def _take_chunks(self) -> None:
        """The engine's framing, of which there may be any number: stream, length, content."""
        while len(self._raw) >= _CHUNK.size:
            stream, size = _CHUNK.unpack_from(self._raw)
            end = _CHUNK.size + size
            if len(self._raw) < end:
                return
            content, self._raw = self._raw[_CHUNK.size : end], self._raw[end:]
            if stream == _STDOUT:
                self._out += content
            elif stream == _STDERR:
                self._stderr = (self._stderr + content)[-_MAX_STDERR_BYTES:]


def _remove(api: Any, identity: str) -> None:
    with contextlib.suppress(NotFound):
        try:
            api.remove_container(identity, force=True, v=True)
        except APIError as fault:
            # Its removal is under way already: the engine removes by itself what has ended, and may be half through.
            if fault.status_code != HTTPStatus.CONFLICT and "No such container" not in _told(fault):
                raise SandboxError(f"a container could not be removed: {_told(fault)}") from fault


def _seccomp() -> str:
    return files("veriward.sandbox").joinpath("seccomp-container.json").read_text("utf-8")


def _unreachable(backend: Backend, fault: Exception) -> str:
    where = backend.engine or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    return (
        f"no container engine answers at {where} ({_told(fault)}). To do: start one (`systemctl start docker`), "
        "let this user reach it (the group `docker`), or name it in docker_engine or DOCKER_HOST"
    )


def _without_image(image: str) -> str:
    how = "docker build --target sandbox -t veriward-sandbox ." if image == DEFAULT_IMAGE else f"docker pull {image}"
    return (
        f"the container engine has no image {image!r}. To do: `{how}`, or set docker_image to one that has a Python "
        "3.11 or later as python3"
    )


def _told(fault: Exception) -> str:
    return str(getattr(fault, "explanation", None) or fault)[:500]
