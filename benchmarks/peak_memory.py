"""Peak memory of a command and all its children: `python benchmarks/peak_memory.py python train.py`.

Sums the proportional set size (shared pages counted once) of the process tree four times a second;
Linux only.
"""

import subprocess
import sys
import time
from pathlib import Path

EVERY_S = 0.25


def tree(root: int) -> set[int]:
    """Process ids of `root`'s session, children that were started in sessions of their own included."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(stat.parent.name)] = int(after_name[1])
    found, grown = {root}, True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        grown = bool(children)
    return found


def memory_mb(pids: set[int]) -> float:
    """Sum of their proportional set sizes, MiB."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def main() -> None:
    """Run the command, then print its peak."""
    process = subprocess.Popen(sys.argv[1:])
    began, peak = time.monotonic(), 0.0
    while process.poll() is None:
        peak = max(peak, memory_mb(tree(process.pid)))
        time.sleep(EVERY_S)
    seconds = time.monotonic() - began
    print(f"peak {peak:.0f} MiB, {seconds:.0f} s, exit status {process.returncode}")
    sys.exit(process.returncode)


if __name__ == "__main__":
    main()
