"""The system calls a confined process may use, with their numbers: `name:x86_64:aarch64`, `-` where there is none."""

FILES = """
read:0:63 write:1:64 readv:19:65 writev:20:66 pread64:17:67 pwrite64:18:68 preadv:295:69 pwritev:296:70
preadv2:327:286 pwritev2:328:287 open:2:- openat:257:56 creat:85:- close:3:57 close_range:436:436 stat:4:-
fstat:5:80 lstat:6:- newfstatat:262:79 statx:332:291 statfs:137:43 fstatfs:138:44 access:21:- faccessat:269:48
faccessat2:439:439 lseek:8:62 ftruncate:77:46 truncate:76:45 fallocate:285:47 fsync:74:82 fdatasync:75:83
fadvise64:221:223 getdents:78:- getdents64:217:61 getcwd:79:17 chdir:80:49 fchdir:81:50 rename:82:-
renameat:264:38 renameat2:316:276 mkdir:83:- mkdirat:258:34 rmdir:84:- link:86:- linkat:265:37 unlink:87:-
unlinkat:263:35 symlink:88:- symlinkat:266:36 readlink:89:- readlinkat:267:78 chmod:90:- fchmod:91:52
fchmodat:268:53 umask:95:166 utime:132:- utimes:235:- futimesat:261:- utimensat:280:88 getxattr:191:8
lgetxattr:192:9 fgetxattr:193:10 listxattr:194:11 llistxattr:195:12 flistxattr:196:13 fcntl:72:25 flock:73:32
dup:32:23 dup2:33:- dup3:292:24 pipe:22:- pipe2:293:59 sendfile:40:71 copy_file_range:326:285 splice:275:76
tee:276:77 memfd_create:319:279 ioctl:16:29
"""
MEMORY = """
mmap:9:222 munmap:11:215 mprotect:10:226 mremap:25:216 madvise:28:233 brk:12:214 msync:26:227 mincore:27:232
membarrier:324:283
"""
PROCESSES = """
clone:56:220 fork:57:- vfork:58:- execve:59:221 execveat:322:281 exit:60:93 exit_group:231:94 wait4:61:260
waitid:247:95 setpgid:109:154 setsid:112:157 kill:62:129 tkill:200:130 tgkill:234:131 pidfd_open:434:434
pidfd_send_signal:424:424 rt_sigqueueinfo:129:138 getpid:39:172 getppid:110:173 gettid:186:178 getpgrp:111:-
getpgid:121:155 getsid:124:156 getuid:102:174 geteuid:107:175 getgid:104:176 getegid:108:177 getgroups:115:158
getresuid:118:148 getresgid:120:150 capget:125:90 rt_sigaction:13:134 rt_sigprocmask:14:135 rt_sigreturn:15:139
rt_sigpending:127:136 rt_sigtimedwait:128:137 rt_sigsuspend:130:133 sigaltstack:131:132 pause:34:-
restart_syscall:219:128 set_tid_address:218:96 set_robust_list:273:99 get_robust_list:274:100 futex:202:98
rseq:334:293 prctl:157:167 arch_prctl:158:- prlimit64:302:261 getrlimit:97:163 setrlimit:160:164
getrusage:98:165 times:100:153 sysinfo:99:179 uname:63:160 getcpu:309:168 getpriority:140:141
sched_yield:24:124 sched_getaffinity:204:123 sched_getparam:143:121 sched_getscheduler:145:120
sched_get_priority_max:146:125 sched_get_priority_min:147:126
"""
TIME = """
nanosleep:35:101 clock_nanosleep:230:115 clock_gettime:228:113 clock_getres:229:114 gettimeofday:96:169
time:201:- getitimer:36:102 setitimer:38:103 alarm:37:- timer_create:222:107 timer_settime:223:110
timer_gettime:224:108 timer_getoverrun:225:109 timer_delete:226:111 timerfd_create:283:85
timerfd_settime:286:86 timerfd_gettime:287:87 getrandom:318:278
"""
WAITING = """
poll:7:- ppoll:271:73 select:23:- pselect6:270:72 epoll_create:213:- epoll_create1:291:20 epoll_ctl:233:21
epoll_wait:232:- epoll_pwait:281:22 epoll_pwait2:441:441 eventfd:284:- eventfd2:290:19
"""
# Sockets already open, and pairs: without socket() and connect() nothing here reaches another process.
PAIRS = """
socketpair:53:199 sendto:44:206 sendmsg:46:211 sendmmsg:307:269 recvfrom:45:207 recvmsg:47:212
recvmmsg:299:243 shutdown:48:210 getsockopt:55:209 setsockopt:54:208 getsockname:51:204 getpeername:52:205
"""
NETWORK = "socket:41:198 connect:42:203"
# What a session forks itself by: the first is left to its keeper, the second can only give up.
BRANCHING = "unshare:272:97 capset:126:91"
# libc falls back when these answer ENOSYS, and would give up on EPERM.
ABSENT = "clone3:435:435 openat2:437:437 io_uring_setup:425:425 io_uring_enter:426:426 io_uring_register:427:427"

_COLUMNS = {"x86_64": 1, "aarch64": 2}


def numbers(machine: str, *groups: str) -> dict[str, int]:
    """The calls of `groups` that `machine` has. Raises `KeyError` for a machine without a table."""
    column = _COLUMNS[machine]
    rows = (entry.split(":") for group in groups for entry in group.split())
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}
