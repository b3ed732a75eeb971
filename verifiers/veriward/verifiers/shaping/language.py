"""The shaping kind `language`: the share of words in the language asked for, told by their script.

Languages of one script are not told apart: what this sees is a response that wanders between scripts.
"""

import re
from typing import Literal

from veriward.verifiers.shaping.term import Seen, Term

# Of scripts that are written without spaces, every letter counts as a word; of the others, every run of letters.
_WORDS = {
    script: re.compile(pattern)
    for script, pattern in {
        "latin": r"[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]+",
        "greek": r"[\u0370-\u03ff\u1f00-\u1fff]+",
        "cyrillic": r"[\u0400-\u052f]+",
        "hebrew": r"[\u05d0-\u05ea]+",
        "arabic": r"[\u0620-\u06ff\u0750-\u077f]+",
        "devanagari": r"[\u0900-\u097f]+",
        "bengali": r"[\u0980-\u09ff]+",
        "tamil": r"[\u0b80-\u0bff]+",
        "telugu": r"[\u0c00-\u0c7f]+",
        "thai": r"[\u0e01-\u0e3a\u0e40-\u0e4e]",
        "hangul": r"[\uac00-\ud7a3\u1100-\u11ff]+",
        "kana": r"[\u3041-\u30ff\u31f0-\u31ff]",
        "han": r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]",
    }.items()
}
_SCRIPTS = {
    "zh": ("han",), "ja": ("han", "kana"), "ko": ("hangul",), "ru": ("cyrillic",), "uk": ("cyrillic",),
    "bg": ("cyrillic",), "el": ("greek",), "he": ("hebrew",), "ar": ("arabic",), "fa": ("arabic",), "ur": ("arabic",),
    "hi": ("devanagari",), "mr": ("devanagari",), "ne": ("devanagari",), "bn": ("bengali",), "ta": ("tamil",),
    "te": ("telugu",), "th": ("thai",),
}  # fmt: skip
Language = Literal[
    "ar", "bg", "bn", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja", "ko",
    "mr", "ms", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sv", "ta", "te", "th", "tr", "uk", "ur", "vi", "zh",
]  # fmt: skip
# Formulas and code are of no language.
_NO_PROSE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|\$[^$\n]*\$|\\\((?:[^\\]|\\[^()])*+\\\)|\\\[(?:[^\\]|\\[^\[\]])*+\\\]|\\[A-Za-z]+|</?\w+>",
    re.DOTALL,
)
MAX_READ_CHARS = 200_000


class LanguageTerm(Term):
    """`language`: an ISO 639-1 code. `where`: `thinking` (before the last `</think>`; all, if there is none) or `all`.

    Quality = words of the language's scripts / words of any, code and formulas left out; 1 where there are none.

    Source: the language consistency reward of DeepSeek-R1 (arXiv:2501.12948, section 2.3.2): the share of words of the
    target language in the chain of thought, added to the reward of accuracy whatever the answer.
    """

    kind: Literal["language"] = "language"
    language: Language = "en"
    where: Literal["thinking", "all"] = "thinking"

    def quality(self, seen: Seen) -> float:
        thinking, closed, _ = seen.text.rpartition("</think>")
        text = thinking if closed and self.where == "thinking" else seen.text
        prose = _without_formulas(text[:MAX_READ_CHARS])
        counts = {script: len(words.findall(prose)) for script, words in _WORDS.items()}
        total = sum(counts.values())
        return sum(counts[script] for script in _SCRIPTS.get(self.language, ("latin",))) / total if total else 1.0


def _without_formulas(text: str) -> str:
    return _NO_PROSE.sub(" ", text)
