"""Languages beyond the built-in Python: each is one small TOML file."""

from veriward.sandbox.languages.catalogue import PYTHON, known
from veriward.sandbox.languages.language import Compile, Language

__all__ = ["PYTHON", "Compile", "Language", "known"]
