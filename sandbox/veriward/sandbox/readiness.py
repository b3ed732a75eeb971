"""Whether something can be read, for any descriptor: select(2) knows those below 1,024 alone."""

import math
import select


def is_readable(descriptor: int, seconds: float = 0.0) -> bool:
    """Wait until it can be read, or is at its end, `seconds` at most."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(math.ceil(seconds * 1000)))
