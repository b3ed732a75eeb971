import multiprocessing
import subprocess
import sys

print(subprocess.run(["/bin/echo", "one"], capture_output=True, text=True).stdout.strip())
print(subprocess.run([sys.executable, "-c", "print('two')"], capture_output=True, text=True).stdout.strip())
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(str.upper, ["three"])[0])
