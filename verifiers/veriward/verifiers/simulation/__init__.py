"""Predicting what a program does."""

from veriward.verifiers.simulation.grading import simulation
from veriward.verifiers.simulation.task import SimulationTask

__all__ = ["SimulationTask", "simulation"]
