names = [line.split(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line]
listening = list(open("/proc/self/net/tcp"))[1:]
print("stopped" if names in ([], ["lo"]) and not listening else (names, listening))
