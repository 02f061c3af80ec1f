"""The one place that asks what time it is and what work has cost; everything else is told."""

from __future__ import annotations

import resource
import time
from datetime import UTC, datetime


def now_utc() -> datetime:
    """The current time, whole seconds, UTC."""
    return datetime.now(UTC).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`, as records hold it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str) -> datetime:
    """What `stamp` wrote, read again."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


class Stopwatch:
    """CPU-seconds (with finished children) and wall seconds since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = _cpu_seconds(), time.monotonic()

    @property
    def cpu_seconds(self) -> float:
        return _cpu_seconds() - self._cpu

    @property
    def wall_seconds(self) -> float:
        return time.monotonic() - self._wall

    def work(self) -> dict[str, float]:
        """For a record's `work`; milliseconds are fine enough."""
        return {"cpu_seconds": round(self.cpu_seconds, 3), "wall_seconds": round(self.wall_seconds, 3)}


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
