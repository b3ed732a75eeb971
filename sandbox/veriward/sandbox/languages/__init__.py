"""Languages beyond the built-in Python: each is one small TOML file."""

from veriward.sandbox.languages.catalogue import DIRECTORIES_VARIABLE, PYTHON, known
from veriward.sandbox.languages.language import Compile, Language

__all__ = ["DIRECTORIES_VARIABLE", "PYTHON", "Compile", "Language", "known"]
