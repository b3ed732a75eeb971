"""A child of the backend `none`: it speaks with its keeper as confined ones do, from a process like any other."""

import gc
import os
import resource
import socket
import sys

from veriward.sandbox import confine, launch, launcher, runner
from veriward.sandbox.orders import MAX_EQUIPMENT_BYTES, unpack_equipment

_LIMITS = {resource.RLIMIT_CORE: confine.NO_CORE_BYTES, resource.RLIMIT_NOFILE: 64}


def main() -> None:
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.set_inheritable(False)
    sys.path[:] = [os.getcwd(), *(path for path in sys.path if path != launch.SOURCE_ROOT)]
    runner.prepare()
    gc.freeze()
    sock.send(b"H")
    message, descriptors, _, _ = socket.recv_fds(sock, MAX_EQUIPMENT_BYTES, 1)
    if not message:
        os._exit(0)  # the keeper is gone
    launches, limits, files = unpack_equipment(message)
    for descriptor in descriptors:
        _place(files, descriptor)
        os.close(descriptor)
    for kind, soft, hard in limits:
        confine.lower_limit(kind, hard)
        resource.setrlimit(kind, (min(soft, resource.getrlimit(kind)[1]), resource.getrlimit(kind)[1]))
    for kind, value in _LIMITS.items():
        confine.lower_limit(kind, value)
    server = launcher if launches else runner
    server.serve(sock)


def _place(files: list[tuple[str, int]], contents: int) -> None:
    """Files by name and size, whose contents lie one after the other, into the working directory."""
    for name, size in files:
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        with open(name, "wb") as target:
            while size:
                size -= os.sendfile(target.fileno(), contents, None, size)


if __name__ == "__main__":
    main()
