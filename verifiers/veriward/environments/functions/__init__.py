"""`functions`: business-like domains that are declared in data."""

from veriward.environments.functions.environment import Functions, FunctionsTask

__all__ = ["Functions", "FunctionsTask"]
