# python3 measure.py INPUT PROGRAM WORDS...: runs a program with a file as its input, and says what it took and printed.
import json, resource, subprocess, sys, time
start = time.perf_counter()
with open(sys.argv[1]) as given:
    done = subprocess.run(sys.argv[2:], stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    'wall': 1000 * wall, 'cpu': 1000 * (used.ru_utime + used.ru_stime), 'memory': used.ru_maxrss / 1024,
    'status': done.returncode, 'stdout': done.stdout.decode(errors='replace')[-4000:],
    'lines': done.stdout.count(b'\n'), 'stderr': done.stderr.decode(errors='replace')[-2000:],
}))
