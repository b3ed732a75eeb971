"""What a gateway remembers of what it judged, for those who look: the last minutes, each source, recent rollouts."""

import asyncio
from collections.abc import Callable

from veriward.server.batch import Batch
from veriward.server.dashboard.pulse import Pulse
from veriward.server.dashboard.recent import Recent
from veriward.server.dashboard.sources import Sources
from veriward.server.metrics import Totals
from veriward.server.queue import QueueDepth
from veriward.server.settings import Settings
from veriward.wire import GradeRequest


class Insight:
    """`keep_looking` runs until cancelled."""

    def __init__(self, settings: Settings, totals: Callable[[], Totals], depth: Callable[[], QueueDepth]) -> None:
        self.pulse = Pulse(totals, depth)
        self.sources = Sources()
        self.recent = Recent(settings.recent_bytes, settings.recent_seconds)

    def watch(self, asked: GradeRequest, batch: Batch, caller: bytes) -> None:
        """Take the request in once all its results are there."""
        self.sources.watch(asked, batch)
        self.recent.watch(asked, batch, caller)

    async def keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self.pulse.wait_seconds)
            self.pulse.look()
