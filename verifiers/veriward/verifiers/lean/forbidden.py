"""What no proof may hold: ways to assume, to run code while Lean reads the file, or to change what words mean.

What is claimed is fixed before a proof is read (`checking.py`), and Lean's kernel checks it, so these words could not
change the claim; they could make Lean say what it did not find. They are looked for in code, comments apart. Strings
and names in «» are refused, since no proof needs them and they would hide where code and comments begin.
"""

import re
from collections.abc import Iterable

_WORDS = {
    "assumes what is to be shown": ("sorry", "admit", "axiom", "sorryAx", "stop"),
    "trusts compiled code": (
        "native_decide", "unsafe", "implemented_by", "extern", "csimp", "opaque", "ofReduceBool", "ofReduceNat",
        "native", "trustCompiler", "reduceBool", "reduceNat", "bv_decide",
    ),
    "changes the language": (
        "macro", "macro_rules", "syntax", "notation", "notation3", "infix", "infixl", "infixr", "prefix", "postfix",
        "elab", "elab_rules", "declare_syntax_cat", "binder_predicate", "simproc", "dsimproc", "unif_hint",
        "declare_simp_like_tactic", "declare_aesop_rule_sets", "declare_config_elab", "register_option",
        "register_simp_attr",
    ),
    "runs code": (
        "run_cmd", "run_tac", "run_meta", "by_elab", "run_elab", "initialize", "builtin_initialize", "eval_expr%",
        "include_str", "dbg_trace", "dbg_trace_if_shared", "load_dynlib", "compile_inductive", "eval%",
    ),
    "adds assumptions to what comes later": ("variable", "variables", "include", "omit"),
}  # fmt: skip
_WHY = {word: why for why, words in _WORDS.items() for word in words}
_WORD = re.compile(r"[^\W\d][\w'!?%]*")
_NAMESPACE_OF_LEAN = re.compile(r"(?<![\w.])(?:_root_\.)?Lean(?:\.|\b(?=\s|$))|\bopen\s[^\n]*\bLean\b")
_COMMAND = re.compile(r"(?:^|(?<=[\s;]))#[a-z_]+", re.MULTILINE)
_OPEN_IN = re.compile(r"\bopen\b[^\n;]{0,500}\bin\b")
_OPTION = re.compile(r"\bset_option\s+([\w.]+)")
_OPTIONS = frozenset(("maxHeartbeats", "maxRecDepth", "synthInstance.maxHeartbeats", "autoImplicit", "linter.all"))
_ATTRIBUTES = re.compile(r"(?:@\[|\battribute\s*\[)([^\]]{0,500})")
_ATTRIBUTE = re.compile(r"[^\W\d][\w.]*")
_ATTRIBUTES_ALLOWED = frozenset((
    "simp", "simps", "local", "scoped", "reducible", "irreducible", "semireducible", "inline", "instance", "ext",
    "refl", "symm", "trans", "congr", "norm_cast", "push_cast", "gcongr", "elab_as_elim", "high", "low",
    "priority", "post", "default_instance", "class",
))  # fmt: skip
_SCOPES = re.compile(r"\b(?:namespace|section|mutual|end)\b")
_IMPORT = re.compile(r"^\s*(?:public\s+|meta\s+|all\s+)*(?:import|module|prelude)\b[^\n]*", re.MULTILINE)


def forbidden_in(code: str, imports: Iterable[str] = ()) -> str | None:
    """Why a proof with this code, comments blanked, is refused; None where it is not.

    `imports` are the lines by which the task itself imports: a proof may repeat them.
    """
    allowed = {" ".join(line.split()) for line in imports}
    for line in _IMPORT.findall(code):
        if " ".join(line.split()) not in allowed:
            return f"`{line.strip()[:60]}`: imports what the task does not"
    for sign in ('"', "«"):
        if sign in code:
            return f"`{sign}`: strings and names in «» are not read"
    for word in _WORD.findall(code):
        if word in _WHY:
            return f"`{word}`: {_WHY[word]}"
    if found := _COMMAND.search(code):
        return f"`{found[0]}`: runs code"
    if found := _NAMESPACE_OF_LEAN.search(code):
        return "`Lean`: reaches into Lean itself"
    if _OPEN_IN.search(code):
        return "`open … in`: changes what the words of one statement mean"
    for option in _OPTION.findall(code):
        if option not in _OPTIONS:
            return f"`set_option {option}`: is not one that a proof may set"
    return _attribute_in(code) or _scope_in(code)


def imports_of(header: str) -> list[str]:
    """The lines by which a task's header imports."""
    return _IMPORT.findall(header)


def adds_assumptions(code: str) -> bool:
    """Whether the code declares variables, which all that follows it would silently assume."""
    return any(word in ("variable", "variables", "include") for word in _WORD.findall(code))


def without_imports(code: str) -> str:
    return _IMPORT.sub("", code)


def _attribute_in(code: str) -> str | None:
    for listed in _ATTRIBUTES.findall(code):
        for name in _ATTRIBUTE.findall(listed):
            if name not in _ATTRIBUTES_ALLOWED:
                return f"`@[{name}]`: is not one that a proof may give"
    return None


def _scope_in(code: str) -> str | None:
    words = _SCOPES.findall(code)
    depth = 0
    for word in words:
        depth += -1 if word == "end" else 1
        if depth < 0:
            return "`end`: ends what was never begun"
    return "a `namespace` or `section` that never ends" if depth else None
