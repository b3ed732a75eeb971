"""What a judge is shown of a text: bounded, without what imitates our marks or a model's, fenced.

The fence carries a code that the text's author could not know: it is a digest of the text itself. Nothing here makes a
judge immune; it makes sure that what a response says of itself stands inside the fence, and that no reply can pass for
a verdict that does not carry the code.
"""

import re
from hashlib import sha256

from veriward.verifiers.model_judge.templates import OPENERS

MAX_SHOWN_CHARS = 60_000  # of a response; about 15,000 tokens
TAIL_SHARE = 0.4  # of what is shown of a longer one: its end
CODE_CHARS = 12

# Characters that show nothing: control and format characters, variation selectors, fillers, Unicode's tags.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]+"
)
_LINE_END = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Special tokens of chat templates: a server that does not escape them would take them for a turn's end.
_SPECIAL = re.compile(
    r"<\|[^|<>\n]{1,60}\|>|<｜[^｜<>\n]{1,60}｜>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|</?(?:s|bos|eos|pad)>"
    r"|\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^(?=[^\w\n]{0,60}[=＝═]{2})[^\w\n]{2,60}(?:BEGIN|END)\b[^\n]*$", re.IGNORECASE | re.MULTILINE)
_PIECE = re.compile(r"[\n.!?:;。！？：；…*#>`_~-]+")

SPECIAL_REMOVED = "[token removed]"
FENCE_REMOVED = "[mark removed]"


def visible(text: str) -> str:
    """The text without characters that show nothing."""
    return _INVISIBLE.sub("", _LINE_END.sub("\n", text))


def shown(text: str, limit: int = MAX_SHOWN_CHARS) -> str:
    """The text as a judge may see it; what is removed or left out is said in its place."""
    return _FENCE.sub(FENCE_REMOVED, _cut(_SPECIAL.sub(SPECIAL_REMOVED, visible(text)), limit)).strip()


def code_for(*texts: str) -> str:
    """A code that none of the texts can hold: whoever writes one would have to know its digest."""
    digest = sha256()
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(raw) + raw)
    return digest.hexdigest()[:CODE_CHARS]


def fenced(label: str, text: str, code: str) -> str:
    """The text between two lines that carry the code."""
    return f"=== BEGIN {label} {code} ===\n{text}\n=== END {label} {code} ==="


def says_nothing(text: str, *, symbols: bool = False) -> bool:
    """Whether the text holds no content: no letter and no digit (unless `symbols` may be one), or nothing but openers.

    Openers ("Thought process:", "Let's solve this problem step by step.") and lone punctuation are known to win
    over judges: Zhao et al. 2025, "One Token to Fool LLM-as-a-Judge" (arXiv:2507.08794).
    """
    seen = visible(text).strip()
    if not any(character.isalnum() for character in seen):
        return not (symbols and seen)
    if len(seen) > 400:
        return False
    pieces = [" ".join(piece.casefold().replace("’", "'").split()).strip(" ,'\"()[]{}") for piece in _PIECE.split(seen)]
    return all(piece in OPENERS for piece in pieces if piece)


def _cut(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long, and between them how much was left out."""
    if len(text) <= limit:
        return text
    tail = int(limit * TAIL_SHARE)
    left_out = len(text) - limit
    return f"{text[: limit - tail]}\n[{left_out:,} characters left out here]\n{text[-tail:]}"
