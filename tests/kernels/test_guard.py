"""A child ends with whoever started it, even while a library holds the interpreter."""

import os
import signal
import subprocess
import sys
import time

from nightproof.kernels.guard import end_group

BUSY_CHILD = """
import collections, itertools, subprocess
from nightproof.kernels.guard import end_with_parent
end_with_parent()
grandchild = subprocess.Popen(["sleep", "300"])
print(grandchild.pid, flush=True)
collections.deque(itertools.count(), maxlen=0)  # holds the interpreter, as a library that never releases it
"""
PARENT = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {BUSY_CHILD!r}], stdin=subprocess.PIPE, start_new_session=True)
print(child.pid, flush=True)
time.sleep(300)
"""
PATIENCE_S = 60.0
"""For machines under load; an idle one needs a tenth of a second."""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:  # an orphan that nobody has collected yet is as good as gone
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return not os.path.isdir("/proc/self")  # noqa: PTH112


def wait_until_gone(*pids: int) -> bool:
    deadline_s = time.monotonic() + PATIENCE_S
    while not all(map(gone, pids)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return all(map(gone, pids))


def test_a_killed_parent_takes_its_busy_child_and_grandchild_along():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent:
        child, grandchild = int(parent.stdout.readline()), int(parent.stdout.readline())
        try:
            parent.send_signal(signal.SIGKILL)
            assert wait_until_gone(child, grandchild)
        finally:
            for pid in (child, grandchild):
                if not gone(pid):
                    os.kill(pid, signal.SIGKILL)


def test_ending_a_child_ends_what_it_started():
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [sys.executable, "-c", BUSY_CHILD], stdin=pipe, stdout=pipe, text=True, start_new_session=True
    )
    assert child.stdout
    with child:
        grandchild = int(child.stdout.readline())
        end_group(child)
        assert child.returncode == -signal.SIGKILL
        assert wait_until_gone(grandchild)
        end_group(child)  # harmless again
