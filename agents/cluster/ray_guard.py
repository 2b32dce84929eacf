"""Ends what a local Ray leaves behind: `python ray_guard.py NAME=VALUE`, started by `ray_start`.

Waits until the pipe on standard input closes, which it does however the process at the other end ends,
then kills each process that has NAME=VALUE in its environment. Ray's own agents would notice the death of
their parent, but first try for a minute to tell it to a server that is gone as well.
"""

import os
import signal
import sys
import time
from pathlib import Path

GRACE_S = 0.5  # what ends by itself meanwhile need not be killed
ROUNDS = 6  # looks, a grace apart: a process may be just starting another


def marked(mark: bytes) -> list[int]:
    """Processes of this user with an entry of that text in their environment (Linux; else none)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in entry.read_bytes().split(b"\0"):
                found.append(int(entry.parent.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


def main() -> None:
    """Wait, then kill."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it must outlive who is stopped by them
    sys.stdin.buffer.read()
    for _ in range(ROUNDS):
        time.sleep(GRACE_S)
        left = marked(sys.argv[1].encode())
        if not left:
            return
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue


if __name__ == "__main__":
    main()
