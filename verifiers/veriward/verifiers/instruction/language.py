"""Which language a text is in, by py3langid; the same text has the same language always.

Only IFEval's languages and some like them are told apart: that a text is Spanish and none of the others is what is
asked, and with Catalan or Galician among the choices short texts are often taken for those.
"""

from functools import cache
from typing import Any

MAX_CHARS = 20_000
# In a text of fewer letters the best guess is often a relative of the language: any of the first three will do.
MIN_CERTAIN_LETTERS = 20
NEAREST = 3
NOTHING_TOLD = -1e30
_LANGUAGES_LISTED = (
    "en es pt ar hi fr ru de ja it bn uk th ur ta te bg ko pl he fa vi ne sw kn mr gu pa ml fi zh tr nl id sv cs el "
    "ro hu"
)
LANGUAGES = frozenset(_LANGUAGES_LISTED.split())


def code(language: str) -> str:
    """The two letters of `zh-cn` and the like."""
    return language.lower().replace("_", "-").partition("-")[0]


def is_in(text: str, language: str) -> bool:
    """Whether the text is in `language`, an ISO 639-1 code. A text without letters is in none.

    Case is no sign of a language here. A text too short to tell is English if it is ASCII.
    """
    sample = text[:MAX_CHARS].lower()
    letters = sum(map(str.isalpha, sample))
    if not letters:
        return False
    ranked: list[tuple[str, float]] = identifier().rank(sample)
    if ranked[0][1] <= NOTHING_TOLD:
        return code(language) == "en" and sample.isascii()
    taken = 1 if letters >= MIN_CERTAIN_LETTERS else NEAREST
    return code(language) in [name for name, _ in ranked[:taken]]


@cache
def identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    found = LanguageIdentifier.from_model_file(MODEL_FILE)
    found.set_languages(sorted(LANGUAGES))
    return found
