"""Entry point of a worker that a gateway started: `python -m … PARENT_PID`, its settings as JSON on stdin.

Exit status 69: Redis cannot be used; 78: the host cannot give the isolation asked for.
"""

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Any

from pydantic import SecretStr

from veriward.sandbox.confine import die_with_parent
from veriward.sandbox.errors import IsolationUnavailable
from veriward.server.queue.redis.troubles import RedisTrouble
from veriward.server.queue.redis.worker import run_worker
from veriward.server.settings import Settings

EXIT_UNAVAILABLE = 69
EXIT_ISOLATION = 78


def told(settings: Settings) -> bytes:
    """The settings with their secrets, for a pipe between our own processes."""
    fields = settings.model_dump(mode="json", exclude={"api_keys"})
    fields |= {
        name: value.get_secret_value()
        for name in type(settings).model_fields
        if isinstance(value := getattr(settings, name), SecretStr)
    }
    return json.dumps(fields).encode()


def run_quickly(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop, which halves what a message costs."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    settings = Settings(**json.loads(sys.stdin.buffer.read()))
    try:
        run_quickly(run_worker(settings, lambda *_: None))
    except RedisTrouble as trouble:
        print(trouble, file=sys.stderr)
        sys.exit(EXIT_UNAVAILABLE)
    except IsolationUnavailable as refused:
        print(refused, file=sys.stderr)
        sys.exit(EXIT_ISOLATION)


if __name__ == "__main__":
    main()
