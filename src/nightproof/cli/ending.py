"""How a command ends: with one last word, whatever happens, and within seconds of Ctrl-C.

Ctrl-C first raises KeyboardInterrupt, so that what is being written is cleaned up. That alone is not enough: a library
that computes for a minute keeps Python from noticing, a pool waits for its workers, and an interrupt that strikes in a
destructor is lost. So a native watchman (`native/guard.cpp`) ends the process when `GRACE_MS` have passed. That is
safe, because every file is written whole or not at all and a job carries on after SIGKILL; children end with us
(`kernels.guard`).

With --json exactly one object goes to stdout. What a library prints there is turned to stderr, and whoever claims the
last word first, the result, an error or the watchman, is the only one to write.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, NoReturn

GRACE_MS = 1000
INTERRUPTED = 1
STOPPED = "Stopped. Finished steps are kept: the same command carries on from here."
SHOW_CURSOR = "\r\x1b[K\x1b[?25h"

_watched = _said = False
_out = 1


def keep_stdout_for_json() -> None:
    """From now on stdout holds what `say_json` says and nothing else."""
    global _out
    sys.stdout.flush()
    _out = os.dup(1)
    os.dup2(2, 1)


def say_json(value: Any) -> None:
    """The one object of --json; a second one is not said, and Ctrl-C no longer changes anything."""
    if _claim():
        _write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def failure_json(kind: str, message: str, hint: str, exit_code: int, **where: str) -> dict[str, Any]:
    """`where`: the JSON pointer and the rule, of a scene file that breaks one."""
    return {"error": {"type": kind, "message": message, "hint": hint, **where}, "exit_code": exit_code}


def watch_for_interrupt(*, as_json: bool) -> None:
    """Let Ctrl-C take effect soon even where Python cannot see it. Call once, from the main thread."""
    global _watched
    from nightproof import _native

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    sys.unraisablehook = _tell_unraisable
    _native.end_after_interrupt(
        reader, GRACE_MS, _stopped_text(), _out, _stopped_object() if as_json else "", INTERRUPTED
    )
    _watched = True


def stop(*, as_json: bool) -> NoReturn:
    """Leave after Ctrl-C."""
    if _claim():
        sys.stderr.write(_stopped_text())
        sys.stderr.flush()
        if as_json:
            _write(_stopped_object())
    # Not sys.exit: it would wait for workers, and where the interrupt hit code that runs Python from C, CPython ends
    # the process by SIGINT at exit although the interrupt was handled.
    os._exit(INTERRUPTED)


def _stopped_text() -> str:
    return (SHOW_CURSOR if sys.stderr.isatty() else "") + f"\n{STOPPED}\n"


def _stopped_object() -> str:
    hint = "Run the same command again."
    return json.dumps(failure_json("Interrupted", STOPPED, hint, INTERRUPTED), indent=2) + "\n"


def _claim() -> bool:
    """Whether the last word is still to be said. Where the watchman is just saying it, this does not return."""
    global _said
    if _said:
        return False
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _watched:
        from nightproof import _native

        while not _native.claim_last_word():
            time.sleep(GRACE_MS / 1000)
    _said = True
    return True


def _write(text: str) -> None:
    sys.stdout.flush()
    data = text.encode()
    while data:
        data = data[os.write(_out, data) :]


def _tell_unraisable(unraisable: Any) -> None:
    """An interrupt that struck in a destructor is no news: the watchman heeds it."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
