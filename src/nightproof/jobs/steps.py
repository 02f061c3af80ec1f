"""Do a step once: find its record in the store, or do the work and commit it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nightproof.jobs.clock import now_utc, stamp
from nightproof.jobs.store import JobStore
from nightproof.records.record import Record

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Steps:
    """The steps of one job."""

    store: JobStore
    job: str

    def once(self, step: str, kind: type[R], work: Callable[[], R]) -> R:
        """The record of `step`: as committed, or made by `work` and committed now.

        Whoever commits first wins: where another process was faster, its record is returned and ours dropped.
        """
        if found := self.find(step, kind):
            return found
        token = self.store.begin(self.job, step, stamp(now_utc()))
        record = work()
        committed = self.store.commit(self.job, step, token, record, stamp(now_utc()))
        return self.store.record(committed, kind)

    def find(self, step: str, kind: type[R]) -> R | None:
        committed = self.store.committed(self.job, step)
        return None if committed is None else self.store.record(committed, kind)
