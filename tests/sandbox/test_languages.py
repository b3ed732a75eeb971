"""Programs in every language that is installed: how they end, what is allowed, and what they are kept from."""

from collections.abc import Callable

import pytest

from veriward.sandbox.execution import (
    MAX_STDERR_BYTES,
    MIB,
    Limits,
    Run,
    RunStatus,
)

pytestmark = pytest.mark.sandbox

FINISHED, ERROR, COMPILE = RunStatus.FINISHED, RunStatus.RUNTIME_ERROR, RunStatus.COMPILE_ERROR
TIME, MEMORY, OUTPUT = RunStatus.TIME_LIMIT, RunStatus.MEMORY_LIMIT, RunStatus.OUTPUT_LIMIT
SHORT = Limits(cpu_seconds=0.3, wall_seconds=3)
SLEEPY = Limits(wall_seconds=0.3)
SMALL = Limits(memory_bytes=96 * MIB)
UNUSED = Limits()


RunIn = Callable[..., Run]


def c(*statements: str) -> str:
    headers = (
        "errno",
        "fcntl",
        "signal",
        "stdio",
        "stdlib",
        "string",
        "sys/socket",
        "unistd",
        "sys/ptrace",
        "sys/wait",
    )
    return "".join(f"#include <{name}.h>\n" for name in headers) + f"int main(void) {{ {' '.join(statements)} }}\n"


# Language, program, limits; status, reason; what its output, for the input "3 4\n", must be, if that matters.
Row = tuple[str, str, Limits, RunStatus, str | None, bytes | None]
SUM = b"7\n"
PROGRAMS: dict[str, Row] = {
    "C adds": ("c", c('int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b);'), UNUSED, FINISHED, "", SUM),
    "C++ adds": (
        "cpp",
        "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "JavaScript adds": (
        "javascript",
        "console.log(require('fs').readFileSync(0, 'utf8').split(' ').reduce((a, b) => +a + +b))",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "JavaScript adds by /dev/stdin and lines": (
        "javascript",
        "require('readline').createInterface({input: process.stdin})"
        ".on('line', line => { const [a, b] = line.split(' ').map(Number); console.log(a + b) })",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "bash adds": ("bash", "read a b; echo $((a + b))", UNUSED, FINISHED, "", SUM),
    "a clean Python adds": ("python-clean", "print(sum(map(int, input().split())))", UNUSED, FINISHED, "", SUM),
    "a clean Python holds nothing of ours": (
        "python-clean",
        "import sys; print([name for name in sys.modules if 'veriward' in name])",
        UNUSED,
        FINISHED,
        "",
        b"[]\n",
    ),
    # ---- ends
    "C with exit code 3": ("c", c("return 3;"), UNUSED, ERROR, "exit_code", None),
    "C aborts": ("c", c("abort();"), UNUSED, ERROR, "SIGABRT", None),
    "C reads nowhere": ("c", c("volatile char *p = 0; return *p;"), UNUSED, ERROR, "SIGSEGV", None),
    "C divides by zero": ("c", c("volatile int a = 7, z = 0; return a / z;"), UNUSED, ERROR, "SIGFPE", None),
    "C kills itself": ("c", c("kill(getpid(), SIGKILL);"), UNUSED, ERROR, "SIGKILL", None),
    "C++ throws what nobody catches": ("cpp", "int main() { throw 1; }", UNUSED, ERROR, "SIGABRT", None),
    "JavaScript throws": ("javascript", "throw new Error('no')", UNUSED, ERROR, "exit_code", None),
    "JavaScript that is none": ("javascript", "let let", UNUSED, ERROR, "exit_code", None),
    "JavaScript leaves after its output": ("javascript", "console.log(7); process.exit(0)", UNUSED, FINISHED, "", SUM),
    "bash that is none": ("bash", "if", UNUSED, ERROR, "exit_code", None),
    "bash calls what there is not": ("bash", "no-such-command", UNUSED, ERROR, "exit_code", None),
    "bash cuts a pipe short": ("bash", "yes 7 | head -n 1; echo ${PIPESTATUS[0]} >&2", UNUSED, FINISHED, "", SUM),
    # ---- limits of the runs
    "C loops": ("c", c("for (;;);"), SHORT, TIME, "cpu", None),
    "C loops in children that are waited for": (
        "c",
        c("if (!fork()) for (clock_t t = 0; ; t++) getppid(); wait(0);").replace("clock_t", "long"),
        Limits(cpu_seconds=0.2, wall_seconds=30),
        TIME,
        "cpu",
        None,
    ),
    "C ignores every signal and loops": (
        "c",
        c("for (int n = 1; n < 65; n++) signal(n, SIG_IGN); for (;;);"),
        SHORT,
        TIME,
        "cpu",
        None,
    ),
    "C sleeps": ("c", c("sleep(60);"), SLEEPY, TIME, "wall", None),
    "C stops itself": ("c", c("raise(SIGSTOP);"), SLEEPY, TIME, "wall", None),
    "C++ takes memory without end": (
        "cpp",
        "#include <vector>\nint main() { std::vector<std::vector<char>> v; for (;;) v.emplace_back(1 << 20, 'x'); }",
        SMALL,
        MEMORY,
        None,
        None,
    ),
    "C writes without end": ("c", c('for (;;) puts("no end");'), UNUSED, OUTPUT, "output", None),
    "C forks without end": ("c", c("for (;;) fork();"), SHORT, TIME, None, None),
    "C recurses deep": (
        "c",
        "#include <stdio.h>\nint f(int n) { volatile char s[16]; s[0] = n; return n ? f(n - 1) + 1 : s[0]; }\n"
        'int main(void) { printf("%d\\n", f(700000) / 100000); }',
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "JavaScript loops": ("javascript", "for (;;);", Limits(cpu_seconds=0.5, wall_seconds=5), TIME, "cpu", None),
    "JavaScript waits": (
        "javascript",
        "setInterval(() => {}, 1000)",
        Limits(wall_seconds=1),
        TIME,
        "wall",
        None,
    ),
    "JavaScript takes memory without end": (
        "javascript",
        "const all = []; for (;;) all.push(new Array(10000).fill(1.5))",
        Limits(memory_bytes=128 * MIB),
        MEMORY,
        None,
        None,
    ),
    "JavaScript takes buffers without end": (
        "javascript",
        "const all = []; for (;;) all.push(Buffer.alloc(1 << 24, 1))",
        Limits(memory_bytes=128 * MIB),
        MEMORY,
        None,
        None,
    ),
    "JavaScript writes without end": (
        "javascript",
        "for (;;) console.log('x'.repeat(100000))",
        UNUSED,
        OUTPUT,
        "output",
        None,
    ),
    "bash loops": ("bash", "while :; do :; done", SHORT, TIME, "cpu", None),
    "bash forks without end": ("bash", "f() { f | f & }; f; sleep 60", Limits(wall_seconds=1), TIME, None, None),
    "bash writes without end": ("bash", "cat /dev/zero", UNUSED, OUTPUT, "output", None),
    "a clean Python takes memory without end": (
        "python-clean",
        "x = []\nwhile True: x.append('x' * 1000000)",
        SMALL,
        MEMORY,
        None,
        None,
    ),
    # ---- what is allowed
    "JavaScript starts a process": (
        "javascript",
        "process.stdout.write(require('child_process').execSync('echo 7'))",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "JavaScript has workers, timers and promises": (
        "javascript",
        "const {Worker} = require('worker_threads');"
        "new Worker('require(\"worker_threads\").parentPort.postMessage(3)', {eval: true})"
        ".on('message', async n => { await new Promise(f => setTimeout(f, 1)); console.log(n + 4) })",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "C++ has threads": (
        "cpp",
        "#include <atomic>\n#include <iostream>\n#include <thread>\nint main() { std::atomic<int> n{0};"
        "std::thread a([&] { n += 3; }), b([&] { n += 4; }); a.join(); b.join(); std::cout << n << std::endl; }",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "bash has pipes, here-strings and files": (
        "bash",
        "sort -r <<< $'4\\n3' > f; { read a; read b; } < f; diff <(echo $a) <(echo $b) | wc -l > g; echo $((a + b))",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "bash leaves a daemon": ("bash", "(setsid sleep 60 &) ; echo 7", SLEEPY, FINISHED, "", SUM),
    # ---- what it is kept from
    "C looks for its launcher's descriptors": (
        "c",
        c("for (int n = 3; n < 64; n++) if (fcntl(n, F_GETFD) >= 0) return 1;"),
        UNUSED,
        FINISHED,
        "",
        None,
    ),
    "C kills the first process": (
        "c",
        c('for (int n = 1; n < 65; n++) kill(1, n); puts(kill(1, 0) ? "gone" : "7");'),
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    "C traces the first process": (
        "c",
        c('return ptrace(PTRACE_ATTACH, 1, 0, 0) == 0 || open("/proc/1/mem", O_RDWR) >= 0;'),
        UNUSED,
        FINISHED,
        "",
        None,
    ),
    "C opens a socket": ("c", c("return socket(AF_INET, SOCK_STREAM, 0) >= 0;"), UNUSED, FINISHED, "", None),
    "C becomes root": ("c", c("return setuid(0) == 0;"), UNUSED, FINISHED, "", None),
    "C reads /etc/passwd": ("c", c('return open("/etc/passwd", O_RDONLY) >= 0;'), UNUSED, FINISHED, "", None),
    "JavaScript connects": (
        "javascript",
        "require('net').connect(80, '127.0.0.1').on('error', e => console.log(e.code))",
        UNUSED,
        FINISHED,
        "",
        b"EACCES\n",
    ),
    "JavaScript reads /etc/passwd": (
        "javascript",
        "require('fs').readFileSync('/etc/passwd')",
        UNUSED,
        ERROR,
        "exit_code",
        None,
    ),
    "bash connects": ("bash", "exec 3<> /dev/tcp/127.0.0.1/80", UNUSED, ERROR, "exit_code", None),
    "bash reads the first process": (
        "bash",
        "cat /proc/1/environ /proc/1/maps /proc/1/fd/3 > x; [ -s x ] || echo 7",
        UNUSED,
        FINISHED,
        "",
        SUM,
    ),
    # ---- compilers
    "C that is none": ("c", "main(", UNUSED, COMPILE, "compile_error", b""),
    "C without main": ("c", "", UNUSED, COMPILE, "compile_error", b""),
    "C with a surrogate": ("c", "\ud800", UNUSED, COMPILE, "compile_error", b""),
    "C includes what there is not": ("c", '#include "/etc/passwd"\n', UNUSED, COMPILE, "compile_error", b""),
    "C includes what has no end": ("c", '#include "/dev/zero"\n', UNUSED, COMPILE, None, b""),
    "C includes itself": ("c", '#include "main.c"\n', UNUSED, COMPILE, "compile_error", b""),
    "C holds the host's file": ("c", 'asm(".incbin \\"/etc/shadow\\"");', UNUSED, COMPILE, "compile_error", b""),
    "C with a huge array": ("c", "char a[1L << 32] = {1}; int main() {}", UNUSED, COMPILE, None, b""),
    "C with a huge fill": ("c", 'asm(".fill 4000000000"); int main() {}', UNUSED, COMPILE, None, b""),
    "C with more errors than anyone reads": ("c", "x;" * 200_000 + "}" * 300_000, UNUSED, COMPILE, None, b""),
    "C++ with templates without end": (
        "cpp",
        "template <int N> struct T { using U = typename T<N + 1>::U; }; int main() { T<0>::U u; }",
        UNUSED,
        COMPILE,
        None,
        b"",
    ),
}


@pytest.mark.parametrize("row", PROGRAMS.values(), ids=PROGRAMS)
def test_programs(row: Row, run_in: RunIn) -> None:
    language, code, limits, status, reason, output = row
    run = run_in(language, code, b"3 4\n", limits=limits)
    assert run.status is status, run
    assert reason is None or run.reason == reason, run
    assert output is None or run.stdout == output, run
    assert run.signal == (run.reason if run.reason.startswith("SIG") else None)
    assert len(run.stdout) <= limits.output_bytes
    assert len(run.stderr) <= MAX_STDERR_BYTES
    if status is COMPILE:
        assert run.stderr or run.reason != "compile_error", "the compiler's word is told"
