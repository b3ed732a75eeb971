"""Hostile answers, 1:1 among honest ones: no honest verdict moves, and nothing is left behind."""

from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.fleet

HOSTILE_ROLLOUTS = 2_000
BATCH = 100
FIRST_USER_OF_PROGRAMS = 100_000  # as the host sees them
FLAT_BYTES = 48 << 20  # of growth after the first quarter: allocators settle, leaks don't

MATH = {"verifier": "math", "answer": "7"}
CHOICE = {"verifier": "choice", "answer": "B"}
CODE = {
    "verifier": "code",
    "kind": "stdin",
    "tests": [{"input": "1\n", "output": "2\n"}, {"input": "5\n", "output": "6\n"}],
    "limits": {"cpu_seconds": 0.3, "wall_seconds": 0.6, "memory_bytes": 128 << 20},
}
SQL = {
    "verifier": "sql",
    "schema": ["create table t (a integer); insert into t values (1), (2)"],
    "gold_sql": "select sum(a) from t",
}

ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "a power tower": (MATH, "\\boxed{10^{10^{10^{10}}}}"),
    "another tower": (MATH, "\\boxed{9^{9^{9^{9}}}}"),
    "4,000 nested parentheses": (MATH, "\\boxed{" + "(" * 4000 + "7" + ")" * 4000 + "}"),
    "4,000 nested braces": (MATH, "\\boxed" + "{" * 4000 + "7" + "}" * 4000),
    "a number of 900,000 digits": (MATH, "\\boxed{" + "9" * 900_000 + "}"),
    "a product to a milliard": (MATH, "\\boxed{\\prod_{k=1}^{10^9} k}"),
    "a sum to a million million": (MATH, "\\boxed{\\sum_{k=1}^{10^{12}} k^3}"),
    "a hard integral": (MATH, "\\boxed{\\int_0^1 \\frac{\\sin(x^x)}{\\sqrt{1+x^7}} dx}"),
    "a factorial": (MATH, "\\boxed{100000!}"),
    "a binomial": (MATH, "\\boxed{\\binom{10^9}{5 \\cdot 10^8}}"),
    "a long sum": (MATH, "\\boxed{" + "+".join(["1"] * 5000) + "}"),
    "code as an answer": (MATH, "\\boxed{__import__('os').system('id')}"),
    "a flood of boxes": (MATH, "\\boxed{" * 60_000),
    "a flood of phrases": (MATH, "The final answer is: " * 40_000),
    "a flood of fences": (CODE, "```python\n" * 60_000),
    "a flood of letters": (CHOICE, "Answer: (" * 80_000),
    "whitespace": (CHOICE, "the answer is" + " " * 900_000 + "!"),
    "a fork bomb": (CODE, "```python\nimport os\nwhile True:\n    os.fork()\n```"),
    "a memory bomb": (CODE, "```python\nx = []\nwhile True:\n    x.append(bytearray(10 << 20))\n```"),
    "an early exit": (CODE, "```python\nimport os\nos._exit(0)\n```"),
    "a polite early exit": (CODE, "```python\nimport sys\nsys.exit(0)\n```"),
    "a network call": (CODE, "```python\nimport socket\nsocket.create_connection(('127.0.0.1', 8000))\n```"),
    "a read of /etc/passwd": (CODE, "```python\nprint(open('/etc/passwd').read())\n```"),
    "a read of the server's environment": (
        CODE,
        "```python\nimport glob\nfor f in glob.glob('/proc/[0-9]*/environ'):\n    print(open(f).read())\n```",
    ),
    "a search for the tests": (
        CODE,
        "```python\nimport gc, sys\nfor o in gc.get_objects():\n    if 'output' in repr(o)[:99]: print(o)\n```",
    ),
    "busy for ever": (CODE, "```python\nwhile True:\n    pass\n```"),
    "asleep for ever": (CODE, "```python\nimport time\ntime.sleep(1e6)\n```"),
    "deaf to every signal": (
        CODE,
        "```python\nimport signal\nfor s in range(1, 60):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: pass\n```",
    ),
    "a daemon": (
        CODE,
        "```python\nimport os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(999)\n    os._exit(0)\nprint('no')\n```",
    ),
    "endless output": (CODE, "```python\nwhile True:\n    print('x' * 9999)\n```"),
    "a full disk": (CODE, "```python\nf = open('big', 'wb')\nwhile True:\n    f.write(bytes(1 << 20))\n```"),
    "many files": (CODE, "```python\nfor i in range(10**6):\n    open(str(i), 'w').close()\n```"),
    "kill everybody": (CODE, "```python\nimport os\nos.kill(-1, 9)\n```"),
    "a thread bomb": (
        CODE,
        "```python\nimport threading, time\nwhile True:\n"
        "    threading.Thread(target=time.sleep, args=(99,)).start()\n```",
    ),
    "a crash": (CODE, "```python\nimport ctypes\nctypes.string_at(0)\n```"),
    "an endless recursion": (
        CODE,
        "```python\nimport sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()\n```",
    ),
    "a mount": (CODE, "```python\nimport ctypes\nprint(ctypes.CDLL(None).mount(b'x', b'/', b'tmpfs', 0, 0))\n```"),
    "an endless query": (
        SQL,
        "```sql\nWITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) SELECT sum(x) FROM r\n```",
    ),
    "a giant blob": (SQL, "```sql\nSELECT hex(randomblob(900000000))\n```"),
    "another file": (SQL, "```sql\nATTACH DATABASE '/etc/passwd' AS p\n```"),
    "an extension": (SQL, "```sql\nSELECT load_extension('/lib/libc.so.6')\n```"),
    "two statements": (SQL, "```sql\nSELECT 3; DROP TABLE t\n```"),
}

WARM_UPS = 24

SLOW = ("an endless query", "asleep for ever", "a thread bomb")  # until a limit of ours: one in six rounds will do


def _varied(response: str, number: int) -> str:
    """The same attack, yet no other's twin: nothing may be answered from memory."""
    return f"Attempt {number}.\n{response}"


def test_every_single_attack_earns_nothing(running: Any) -> None:
    items = [{"id": name, "task": task, "responses": [text]} for name, (task, text) in ANSWERS.items()]
    paid = {}
    for item, (result,) in zip(items, running.grade(items), strict=True):
        if result["status"] not in ("graded", "timeout") or result["reward"]:
            paid[item["id"]] = result
    assert not paid


def test_honest_verdicts_stand_among_hostile_ones_and_nothing_is_left(running: Any, honest: list[Any]) -> None:
    attacks = [*ANSWERS.values()] + 5 * [attack for name, attack in ANSWERS.items() if name not in SLOW]
    # Often enough that every keeper has the zygotes of every profile that is needed.
    running.grade(
        [
            {"task": known.task, "responses": [_varied(known.response, -number) for number in range(WARM_UPS)]}
            for known in honest
        ]
    )
    before = _left_behind(running)
    sizes = []
    statuses: dict[str, int] = {}
    for start in range(0, HOSTILE_ROLLOUTS, BATCH):
        items = []
        for number in range(start, start + BATCH):
            task, response = attacks[number % len(attacks)]
            known = honest[number % len(honest)]
            items.append({"task": task, "responses": [_varied(response, number)]})
            items.append({"task": known.task, "responses": [_varied(known.response, number)]})
        results = running.grade(items, deadline_seconds=300)
        for place, (result,) in enumerate(results):
            number = start + place // 2
            if place % 2 == 0:
                statuses[result["status"]] = statuses.get(result["status"], 0) + 1
                assert result["status"] in ("graded", "timeout"), (attacks[number % len(attacks)], result)
                assert not result["reward"], (attacks[number % len(attacks)], result)
            else:
                known = honest[number % len(honest)]
                assert (result["status"], result["reward"]) == ("graded", known.reward), (known, result)
        sizes.append(_memory_bytes(running))
    print(f"\nhostile: {statuses}; memory of gateway and worker after each batch, MiB: {[s >> 20 for s in sizes]}")
    assert _left_behind(running) == before
    assert sizes[-1] - sizes[len(sizes) // 4] < FLAT_BYTES


def _left_behind(running: Any) -> dict[str, object]:
    """What an attack could leave: processes, descriptors of the server, files, mounts, cgroups."""
    kinds: dict[str, int] = {}
    for process in running.processes():
        try:
            name = next((word for word in process.cmdline() if word.startswith("veriward.")), process.name())
        except psutil.Error:
            continue
        kinds[name] = kinds.get(name, 0) + 1
    keepers = {str(process.pid) for process in running.processes()}
    cgroups = [path for path in Path("/sys/fs/cgroup").glob("*/**/veriward-*") if path.name.split("-")[1] in keepers]
    return {
        "processes": {name: count for name, count in kinds.items() if "zygote" not in name},
        "descriptors": psutil.Process(running.pid).num_fds() // 8,
        "files": _files_of_programs(),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "cgroups": len(cgroups),
    }


def _files_of_programs() -> list[Path]:
    """Those in common directories whose owner is one of the users that programs run as: others' come and go."""
    found = []
    for directory in ("/tmp", "/var/tmp", "/dev/shm", "/run"):
        for path in Path(directory).glob("*"):
            try:
                owner = path.lstat().st_uid
            except FileNotFoundError:
                continue
            if owner >= FIRST_USER_OF_PROGRAMS:
                found.append(path)
    return found


def _memory_bytes(running: Any) -> int:
    """Resident bytes of the gateway and its worker, the two that live as long as the server."""
    workers = [p for p in running.processes() if "veriward.server.worker.main" in p.cmdline()]
    return sum(process.memory_info().rss for process in [psutil.Process(running.pid), *workers])
