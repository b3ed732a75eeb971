"""Profiles: which modules a Python program finds imported, or can import. Each is one small TOML file."""

from veriward.sandbox.profiles.catalogue import STD, holders, known
from veriward.sandbox.profiles.profile import Profile

__all__ = ["STD", "Profile", "holders", "known"]
