"""Tasks made on request: the routes, and the processes that generators run in."""

from veriward.server.generation.pool import SampleFailed, Samplers

__all__ = ["SampleFailed", "Samplers"]
