"""What the tests' dashboard shows: groups of all kinds, some of them hostile to whoever looks at them."""

from typing import Any

TRAINER, AUDITOR = "trainer-key", "auditor-key"
HOSTILE = (
    "<script>document.title = 'owned'</script>",
    "<img src=x onerror=\"document.title = 'owned'\">",
    "</pre></article><iframe src=\"javascript:parent.document.title = 'owned'\"></iframe>",
    '<svg onload="document.title = \'owned\'"><a href="javascript:alert(1)">so \\boxed{72}</a></svg>',
    "{{constructor.constructor('return 1')()}} ${document.title = 'owned'} \u202e\u0000 \\boxed{<b>72</b>}",
)
CODE = {"verifier": "code", "kind": "stdin", "tests": [{"input": "1 2\n", "output": "3\n"}]}
ADDS = "```python\na, b = map(int, input().split())\nprint(a + b)\n```"
FAILS = "```python\na, b = map(int, input().split())\nprint(a - b)\n```"


def items() -> list[dict[str, Any]]:
    """Groups of all kinds: all right, mixed, none, unparsed, hostile, messages, broken tasks."""
    boxed = [f"48 / 2 = 24, and 48 + 24 = \\boxed{{{answer}}}" for answer in (72, 72, 71, 72)]
    chat = [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "\\boxed{72}"}]
    math = {"verifier": "math", "answer": "72"}
    return [
        {"id": "gsm8k/17", "source": "gsm8k", "task": math, "responses": boxed},
        {"id": "gsm8k/18", "source": "gsm8k", "task": math, "responses": [chat, "I think 72"]},
        {"id": "sums/1", "source": "sums", "task": CODE, "responses": [ADDS, FAILS]},
        {"id": "broken", "source": "sums", "task": {"verifier": "code", "kind": "stdin"}, "responses": [ADDS]},
        {"id": HOSTILE[0], "source": HOSTILE[1], "task": {**math, "answer": "71"}, "responses": list(HOSTILE)},
    ]
