"""Children that end with their parent, and with all that they started themselves.

A child that computes does not look at its input, and Python runs neither signal handlers nor other threads while a
library holds the interpreter. So a native thread watches the pipe that the parent holds (`native/guard.cpp`): it sees
the parent go, however suddenly, and ends the whole group at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any


def end_with_parent() -> None:
    """Called by a child that was started with a pipe as its standard input and in a session of its own."""
    from nightproof import _native

    _native.end_with_parent(sys.stdin.fileno())


def end_group(process: subprocess.Popen[Any]) -> None:
    """Kill a child that was started in a session of its own, with all that it started, and take note of its end."""
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
