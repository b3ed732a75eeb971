import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def refused(*arguments):
    return libc.syscall(*arguments) == -1


done = [flag for flag in (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x8000000, 0x4000000, 0x2000000) if libc.unshare(flag) == 0]
done += [1 for name in ("user", "mnt") if libc.setns(os.open(f"/proc/self/ns/{name}", os.O_RDONLY), 0) == 0]
done += [2] if libc.mount(b"tmpfs", b"/box/home", b"tmpfs", 0, None) == 0 else []
done += [3] if libc.umount2(b"/proc", 2) == 0 else []
done += [4] if libc.chroot(b"/box/home") == 0 else []
print("stopped" if not done else done)
