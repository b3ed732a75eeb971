"""Which layers make which level, and what each missing one is answered with."""

import pytest

from veriward.sandbox import IsolationUnavailable
from veriward.sandbox.levels import LEVELS, REMEDIES, Report, require

ALWAYS = ("seccomp", "rlimits", "capabilities")
NAMESPACES = ("user_namespace", "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace")
CGROUPS = ("cgroup_memory", "cgroup_pids")

ROWS = {
    "everything": ((*ALWAYS, *NAMESPACES, *CGROUPS, "landlock"), "L3"),
    "everything, on a kernel of its own": ((*ALWAYS, *NAMESPACES, *CGROUPS, "landlock", "own_kernel"), "L4"),
    "no cgroups": ((*ALWAYS, *NAMESPACES, "landlock"), "L2"),
    "a memory cgroup alone": ((*ALWAYS, *NAMESPACES, "landlock", "cgroup_memory"), "L2"),
    "no Landlock": ((*ALWAYS, *NAMESPACES, *CGROUPS), "L2"),
    "no namespaces": ((*ALWAYS, "landlock", "landlock_scopes"), "L1"),
    "one namespace short": ((*ALWAYS, *NAMESPACES[1:], "landlock", "landlock_scopes"), "L1"),
    "no namespaces and an old Landlock": ((*ALWAYS, "landlock"), "L0"),
    "no seccomp": ((*NAMESPACES, *CGROUPS, "rlimits", "capabilities", "landlock", "landlock_scopes"), "L0"),
    "nothing": ((), "L0"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_level(row: tuple[tuple[str, ...], str]) -> None:
    layers, level = row
    assert Report.of(layers).level == level


@pytest.mark.parametrize("minimum", LEVELS[1:])
def test_a_refusal_names_each_missing_layer_and_its_remedy(minimum: str) -> None:
    report = Report.of((), "unshare: Operation not permitted")
    with pytest.raises(IsolationUnavailable) as refused:
        require(report, minimum)
    assert refused.value.missing
    for layer in refused.value.missing:
        assert REMEDIES[layer] in refused.value.remedy
    assert "Operation not permitted" in str(refused.value)


def test_what_is_reached_is_not_refused() -> None:
    report = Report.of((*ALWAYS, *NAMESPACES))
    for level in ("L0", "L1", "L2"):
        require(report, level)


def test_a_report_survives_its_journey() -> None:
    report = Report.of(("seccomp",), "why not")
    assert Report.unpack(report.pack()) == report
