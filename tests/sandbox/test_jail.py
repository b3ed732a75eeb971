"""What the zygote's root is made of, as far as it can be said without making one."""

import io
import sys

from veriward.sandbox import jail, kernel

MOUNTINFO = r"""
20 1 254:0 / / rw,relatime - ext4 /dev/vda rw
21 20 0:20 / /proc rw,nosuid,nodev,noexec - proc proc rw
22 21 0:21 / /proc/sys ro - tmpfs masked rw
30 21 0:30 / /proc rw,nosuid,nodev - tmpfs tmpfs rw
31 30 254:0 /usr /proc/usr rw,noexec,relatime - ext4 /dev/vda rw
32 31 254:1 / /proc/usr/a\040b rw - ext4 /dev/vdb rw
33 30 0:6 /null /proc/dev/null rw,nosuid - devtmpfs devtmpfs rw
""".lstrip()


def test_every_mount_of_the_new_root_is_found_with_the_flags_it_must_keep() -> None:
    ordinary = kernel.MS_NOSUID | kernel.MS_NODEV
    assert jail._mounts_on_stage(io.StringIO(MOUNTINFO)) == [
        ("/proc", ordinary),
        ("/proc/usr", ordinary | kernel.MS_NOEXEC),
        ("/proc/usr/a b", ordinary),
        ("/proc/dev/null", kernel.MS_NOSUID),
    ]


def test_a_directory_within_another_is_bound_once() -> None:
    assert jail._outermost(("/usr/lib", "/usr", "/usr", "/no/such", "/usr/lib/x")) == ["/usr"]


def test_the_interpreter_is_readable_without_a_jail() -> None:
    assert any(sys.base_prefix.startswith(path) for path in jail.readable_paths())
    assert not any(path in ("/", "/etc", "/home", "/root") for path in jail.readable_paths())
