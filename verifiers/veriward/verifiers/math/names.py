"""Words and commands that mean something of their own."""

from veriward.verifiers.math.tokens import FUNCTION_WORDS

FUNCTIONS = {f"\\{word}": word for word in FUNCTION_WORDS} | {word: word for word in FUNCTION_WORDS}
CONSTANTS = {f"\\mathbb{{{letter}}}": letter for letter in "RZNQC"}
CONSTANTS |= {"\\pi": "pi", "pi": "pi", "e": "e", "i": "i", "\\imath": "i"}
CONSTANTS |= dict.fromkeys(("\\infty", "\\infin", "infinity", "inf", "oo"), "oo")
_GREEK = "alpha beta gamma delta epsilon theta lambda mu phi psi omega sigma rho tau"
GREEK_WORDS = frozenset(_GREEK.split())
