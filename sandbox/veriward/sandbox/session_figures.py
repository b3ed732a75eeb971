"""The figures that a cell leaves open in pyplot, as PNG: a library that was never imported costs nothing here."""

import io
import sys
from typing import Any

from veriward.sandbox.session import MAX_FIGURE_BYTES, MAX_FIGURES


def take() -> tuple[list[bytes], str]:
    """The open figures, which are then closed, and what was left out. Raises what the library raises."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return [], ""
    numbers = list(pyplot.get_fignums())
    taken: list[bytes] = []
    left_out = max(0, len(numbers) - MAX_FIGURES)
    try:
        for number in numbers[:MAX_FIGURES]:
            stream = io.BytesIO()
            pyplot.figure(number).savefig(stream, format="png", bbox_inches="tight")
            if stream.tell() <= MAX_FIGURE_BYTES:
                taken.append(stream.getvalue())
            else:
                left_out += 1
    finally:
        pyplot.close("all")
    bounds = f"at most {MAX_FIGURES} of at most {MAX_FIGURE_BYTES:,} bytes"
    return taken, f"{left_out} figures left out: {bounds} are shown" if left_out else ""
