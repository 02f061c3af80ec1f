"""Mitsuba in a process of its own: an old LLVM aborts the process, a hostile scene exhausts it.

The child (`auditor_worker`) answers one call after another over its standard streams, in pickles that never leave this
machine. It dies with the pipe: when the parent goes away, however suddenly, a watchman in the
child ends it (`kernels.guard`).
"""

from __future__ import annotations

import os
import pickle
import selectors
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

from nightproof.errors import NightproofError
from nightproof.kernels.guard import end_group

LENGTH = struct.Struct("<Q")
LOG_TAIL_BYTES = 2000


class AuditorFailed(NightproofError):
    """Mitsuba crashed, ran out of memory or time, or refused the scene."""

    hint = "Run `nightproof doctor`; install LLVM 16 or newer (Debian: libllvm19), or lower the audit's size."


@dataclass(frozen=True)
class Limits:
    """What the child may use."""

    threads: int = 0
    """0: one per core."""
    memory_bytes: int = 8 << 30
    """Of address space; where the system cannot limit it, it is not limited."""
    call_s: float = 600.0
    """How long one call may take, wall clock."""


class MitsubaProcess:
    """A child that holds Mitsuba. A context manager; usable from one thread."""

    def __init__(self, variant: str, limits: Limits, *, llvm_library: str = "") -> None:
        self._limits = limits
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        environment = dict(os.environ)
        if llvm_library:
            environment["DRJIT_LIBLLVM_PATH"] = llvm_library
        self._child = subprocess.Popen(
            [sys.executable, "-m", "nightproof.rendering.auditor_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent, which ends the child
        )
        try:
            self.about: dict[str, str] = self.call("start", variant, limits.threads, limits.memory_bytes)
        except BaseException:
            self.close()
            raise

    def call(self, verb: str, *arguments: Any) -> Any:
        """What the child answers. Raises `AuditorFailed`; the process is closed then."""
        message = pickle.dumps((verb, arguments), protocol=5)
        try:
            stdin = self._child.stdin
            assert stdin is not None
            stdin.write(LENGTH.pack(len(message)))
            stdin.write(message)
            stdin.flush()
            ok, answer = pickle.loads(self._read_message(time.monotonic() + self._limits.call_s))
        except (BrokenPipeError, EOFError):
            raise self._died() from None
        except BaseException:  # Ctrl-C or a time-out: half an answer may be in the pipe
            self.close()
            raise
        if not ok:
            raise AuditorFailed(f"Mitsuba could not do `{verb}`: {answer}")
        return answer

    def _read_message(self, deadline_s: float) -> bytes:
        (length,) = LENGTH.unpack(self._read(LENGTH.size, deadline_s))
        return self._read(length, deadline_s)

    def _read(self, count: int, deadline_s: float) -> bytes:
        stdout = self._child.stdout
        assert stdout is not None
        chunks, missing = [], count
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while missing:
                if not selector.select(max(0.0, deadline_s - time.monotonic())):
                    raise AuditorFailed(f"Mitsuba did not answer within {self._limits.call_s:.0f} s")
                chunk = os.read(stdout.fileno(), min(missing, 1 << 20))
                if not chunk:
                    raise EOFError
                chunks.append(chunk)
                missing -= len(chunk)
        return b"".join(chunks)

    def _died(self) -> AuditorFailed:
        code = self._child.wait()
        why = f"by signal {-code}" if code < 0 else f"with status {code}"
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - LOG_TAIL_BYTES))
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        self.close()
        return AuditorFailed(f"the Mitsuba process ended {why}" + (f": {lines[-1]}" if lines else ""))

    def close(self) -> None:
        """End the child. Harmless when it has ended already."""
        end_group(self._child)
        for stream in (self._child.stdin, self._child.stdout, self._log):
            if stream is not None:
                with suppress(BrokenPipeError):  # unsent bytes for a child that has gone
                    stream.close()

    def __enter__(self) -> MitsubaProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
