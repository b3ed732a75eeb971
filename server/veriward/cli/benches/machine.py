"""On what a benchmark ran: a figure without its machine and date says nothing."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any


def machine() -> dict[str, Any]:
    """CPU, cores, memory, kernel, Python, versions and the time in UTC."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "veriward": version("veriward"),
        "python": platform.python_version(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "root": os.geteuid() == 0,
        "load_before": os.getloadavg()[0],
        "command": " ".join(["veriward", *sys.argv[1:]]),
    }


def _cpu_model() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()
