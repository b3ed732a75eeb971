written = []
for name in ("oom_score_adj", "coredump_filter", "clear_refs", "timerslack_ns", "comm", "mem", "attr/current", "uid_map", "setgroups"):
    try:
        open(f"/proc/self/{name}", "r+b", 0)
        written.append(name)
    except OSError:
        pass
print("stopped" if not written else written)
