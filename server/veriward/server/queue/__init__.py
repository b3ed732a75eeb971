"""The queue between gateways and workers: in memory here, Redis Streams in a fleet, one interface."""

from veriward.server.queue.base import Queue, QueueDepth, QueueDown, QueueFull

__all__ = ["Queue", "QueueDepth", "QueueDown", "QueueFull"]
