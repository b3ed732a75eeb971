"""What generates rollouts: one interface, an engine a file."""

from veriward.trainer.engines.base import Completion, Engine, Sampling

__all__ = ["Completion", "Engine", "Sampling"]
