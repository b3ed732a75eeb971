import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


calls = {
    "io_uring_setup": 425, "io_uring_enter": 426, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298, "keyctl": 250,
    "add_key": 248, "request_key": 249, "init_module": 175, "finit_module": 313, "kexec_load": 246, "open_by_handle_at": 304,
    "name_to_handle_at": 303, "fanotify_init": 300, "inotify_init": 253, "inotify_init1": 294, "move_mount": 429,
    "fsopen": 430, "open_tree": 428, "mount_setattr": 442, "landlock_create_ruleset": 444, "quotactl": 179,
    "acct": 163, "swapon": 167, "syslog": 103, "ioprio_set": 251, "sched_setattr": 314, "mlock": 149, "mlockall": 151,
    "iopl": 172, "ioperm": 173, "personality": 135, "vmsplice": 278, "pidfd_getfd": 438, "shmget": 29, "semget": 64,
    "msgget": 68, "mq_open": 240, "adjtimex": 159, "clock_settime": 227, "sethostname": 170, "mknod": 133, "chown": 92,
    "setxattr": 188, "remap_file_pages": 216, "modify_ldt": 154, "uselib": 134, "ustat": 136, "sysfs": 139, "vhangup": 153,
    "io_setup": 206, "migrate_pages": 256, "move_pages": 279, "mbind": 237, "set_mempolicy": 238, "memfd_secret": 447,
    "process_mrelease": 448, "quotactl_fd": 443, "pkey_alloc": 330, "process_madvise": 440, "cachestat": 451,
}
allowed = [name for name, number in calls.items() if not refused(number, 0, 0, 0, 0, 0, 0)]
print("stopped" if not allowed else allowed)
