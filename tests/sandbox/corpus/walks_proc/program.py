import os

others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
kernel = [name for name in ("sys", "kallsyms", "kcore", "modules", "loadavg", "keys", "sysrq-trigger") if os.path.exists(f"/proc/{name}")]
print("stopped" if not others and not kernel else (others, kernel))
