"""The verifier `reasoning_gym`, and generators of its data sets: both through that library (extra `reasoning_gym`)."""

from veriward.verifiers.reasoning_gym.grading import ReasoningGymTask, available, reasoning_gym
from veriward.verifiers.reasoning_gym.making import ReasoningGymParameters

__all__ = ["ReasoningGymParameters", "ReasoningGymTask", "available", "reasoning_gym"]
