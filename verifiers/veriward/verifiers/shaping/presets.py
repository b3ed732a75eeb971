"""Published shapings by name, as data: the terms that a task's `preset` stands for.

Where a term is `regardless`, its paper pays it to wrong answers too: see `docs/shaping.md`.
"""

from typing import Any

PRESETS: dict[str, list[dict[str, Any]]] = {
    # DeepSeek-R1-Zero, arXiv:2501.12948, section 2.2.2: accuracy + format.
    "deepseek_r1": [{"kind": "format", "form": "think_answer", "apply": "add", "weight": 1.0, "regardless": True}],
    # DeepSeek-R1, section 2.3.2: accuracy + share of words in the target language.
    "deepseek_r1_language": [{"kind": "language", "apply": "add", "weight": 1.0, "regardless": True}],
    # DAPO, arXiv:2503.14476, equation 13.
    "dapo_overlong": [{"kind": "overlong", "max_tokens": 20_480, "buffer_tokens": 4_096, "apply": "add"}],
    # L1, arXiv:2503.04697, equations 1 and 2, at the longest budget it trains with.
    "l1_exact": [{"kind": "length_budget", "rule": "exact", "budget_tokens": 4_000}],
    "l1_max": [{"kind": "length_budget", "rule": "max", "budget_tokens": 4_000}],
    # Qwen3, arXiv:2505.09388, section 4.3.
    "think": [{"kind": "think_mode", "mode": "think"}],
    "no_think": [{"kind": "think_mode", "mode": "no_think"}],
    # OTC-PPO, arXiv:2504.14870.
    "otc": [{"kind": "tool_use"}],
    # Open R1's form of the penalty of arXiv:2502.03373.
    "repetition": [{"kind": "repetition", "ngram_words": 3}],
    # Not published: the form as a condition, which never replaces correctness.
    "format_gate": [{"kind": "format", "form": "think_answer", "apply": "gate"}],
}
