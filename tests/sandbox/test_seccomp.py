"""The assembled BPF answers as the policy says, on both architectures, held against a small interpreter."""

import errno
from collections.abc import Sequence

import pytest

from veriward.sandbox import seccomp, syscalls

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def answer(policy: seccomp.Policy, machine: str, number: int, arguments: Sequence[int] = (), arch: int = 0) -> int:
    data = {0: number, 4: arch or ARCHITECTURES[machine]}
    data |= {16 + 8 * index: value & 0xFFFF_FFFF for index, value in enumerate(arguments)}
    program, at, accumulator = seccomp.assemble(policy, machine), 0, 0
    while True:
        operation, if_true, if_false, operand = program[at]
        if operation == RETURN:
            return operand
        at += 1
        if operation == LOAD:
            accumulator = data.get(operand, 0)
            continue
        tests = {EQUAL: accumulator == operand, AT_LEAST: accumulator >= operand, ANY_BIT: accumulator & operand}
        at += if_true if tests[operation] else if_false


GRADER = seccomp.grader(77, network=False, processes=False)
EPERM, EACCES, ENOSYS, ENOTTY, EINVAL, ENOPROTOOPT = map(
    seccomp.refuse, (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTTY, errno.EINVAL, errno.ENOPROTOOPT)
)
RULES = {
    "a program reads": (seccomp.PROGRAM, "read", (), seccomp.ALLOW),
    "a program forks": (seccomp.PROGRAM, "clone", (0x1200011,), seccomp.ALLOW),
    "a program makes no user namespace by clone": (seccomp.PROGRAM, "clone", (0x10000011,), EPERM),
    "clone3 falls back to clone": (seccomp.PROGRAM, "clone3", (), ENOSYS),
    "io_uring is absent": (seccomp.PROGRAM, "io_uring_setup", (), ENOSYS),
    "a program opens no socket": (seccomp.PROGRAM, "socket", (2,), EACCES),
    "a program has socket pairs": (seccomp.PROGRAM, "socketpair", (1,), seccomp.ALLOW),
    "a program asks for the terminal size": (seccomp.PROGRAM, "ioctl", (0, 0x5413), seccomp.ALLOW),
    "a program types nothing into a terminal": (seccomp.PROGRAM, "ioctl", (0, 0x5412), ENOTTY),
    "a program bounds itself": (seccomp.PROGRAM, "prlimit64", (0, 7), seccomp.ALLOW),
    "a program bounds no other": (seccomp.PROGRAM, "prlimit64", (1, 7), EPERM),
    "a program changes no limit of core files": (seccomp.PROGRAM, "prlimit64", (0, 4), EPERM),
    "a program changes none by the older call": (seccomp.PROGRAM, "setrlimit", (4,), EPERM),
    "a program locks files": (seccomp.PROGRAM, "fcntl", (3, 6), seccomp.ALLOW),
    "a program watches no directory": (seccomp.PROGRAM, "fcntl", (3, 1026), EINVAL),
    "a program attaches no packet filter": (seccomp.PROGRAM, "setsockopt", (3, 1, 26), ENOPROTOOPT),
    "a program sizes its buffers": (seccomp.PROGRAM, "setsockopt", (3, 1, 7), seccomp.ALLOW),
    "a program installs no filter": (seccomp.PROGRAM, "prctl", (22, 2), EPERM),
    "a grader starts no thread": (GRADER, "clone", (0x3D0F00,), EPERM),
    "a grader executes nothing": (GRADER, "execve", (), EPERM),
    "a grader aborts itself": (GRADER, "tgkill", (77, 77, 6), seccomp.ALLOW),
    "a grader signals no other": (GRADER, "tgkill", (78, 78, 9), EPERM),
    "a grader passes descriptors on": (GRADER, "sendmsg", (3,), seccomp.ALLOW),
    "a grader with a network connects": (
        seccomp.grader(7, network=True, processes=False),
        "connect",
        (),
        seccomp.ALLOW,
    ),
    "a grader with processes forks": (seccomp.grader(7, network=False, processes=True), "clone", (17,), seccomp.ALLOW),
}
UNNAMED = {
    "ptrace": (101, 117),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "process_vm_readv": (310, 270),
    "keyctl": (250, 219),
    "userfaultfd": (323, 282),
    "setresuid": (117, 147),
    "capset": (126, 91),
    "mknodat": (259, 33),
    "shmget": (29, 194),
    "personality": (135, 92),
    "kexec_load": (246, 104),
    "open_by_handle_at": (304, 265),
}


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rules(machine: str, rule: tuple[seccomp.Policy, str, tuple[int, ...], int]) -> None:
    policy, name, arguments, expected = rule
    everything = (*seccomp.PROGRAM.groups, syscalls.NETWORK, syscalls.ABSENT)
    assert answer(policy, machine, syscalls.numbers(machine, *everything)[name], arguments) == expected


@pytest.mark.parametrize("column", [0, 1], ids=ARCHITECTURES)
@pytest.mark.parametrize("policy", [seccomp.PROGRAM, GRADER], ids=["program", "grader"])
@pytest.mark.parametrize("numbers", UNNAMED.values(), ids=UNNAMED)
def test_what_is_not_named_is_refused(policy: seccomp.Policy, numbers: tuple[int, int], column: int) -> None:
    assert answer(policy, list(ARCHITECTURES)[column], numbers[column]) == EPERM


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_number_is_answered_as_its_name_says(machine: str) -> None:
    named = syscalls.numbers(machine, *seccomp.PROGRAM.groups)
    judged_by_argument = {named[name] for name in seccomp.PROGRAM.arguments}
    allowed = {number for number in range(460) if answer(seccomp.PROGRAM, machine, number) == seccomp.ALLOW}
    assert allowed - judged_by_argument == set(named.values()) - judged_by_argument


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_numbers_one_past_the_tables(machine: str) -> None:
    assert answer(seccomp.PROGRAM, machine, 440) == EPERM
    assert answer(seccomp.PROGRAM, machine, 442) == ENOSYS
    assert answer(seccomp.PROGRAM, machine, 0x3FFFFFFF) == ENOSYS
    assert answer(seccomp.PROGRAM, machine, 0x40000000) == seccomp.KILL, "x32"
    assert answer(seccomp.PROGRAM, machine, 0xFFFFFFFF) == seccomp.KILL


def test_another_architecture_is_killed() -> None:
    assert answer(seccomp.PROGRAM, "x86_64", 0, arch=0x40000003) == seccomp.KILL


def test_a_machine_without_a_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        seccomp.assemble(seccomp.PROGRAM, "riscv64")
