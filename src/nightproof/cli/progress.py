"""Progress of long work on the terminal: what is being done, how far it is, and the time left. Goes to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nightproof.cli.pages import duration_text

if TYPE_CHECKING:
    from nightproof.pipelines.pipeline import Progress

BAR_WIDTH, NARROW_BAR_WIDTH, NARROW = 28, 10, 90
LEAST_FRACTION = 0.01
"""Before this much is done a time left would be a guess."""


class TimeLeft:
    """The time left, from the whole way so far: steps differ too much for the speed of the last seconds to tell.

    The first fraction that is reported begins the way: what an earlier run had done took no time in this one.
    """

    def __init__(self, now_s: float) -> None:
        self._begun_s, self._first = now_s, -1.0

    def seconds(self, fraction: float, now_s: float) -> float | None:
        """None while it cannot be told."""
        if self._first < 0 and fraction > 0:
            self._begun_s, self._first = now_s, fraction
        done = fraction - self._first
        if self._first < 0 or done < LEAST_FRACTION:
            return None
        return (now_s - self._begun_s) * (1.0 - fraction) / done


@contextmanager
def progress_for(name: str, *, quiet: bool) -> Iterator[Progress]:
    """A progress bar for work on `name`; nothing at all where `quiet`, or where stderr is a file or a pipe."""
    if quiet or not sys.stderr.isatty():
        yield lambda fraction, message: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(stderr=True)
    narrow = console.width < NARROW
    columns = (
        *(() if narrow else (TextColumn("[bold]{task.fields[scene]}"),)),
        BarColumn(bar_width=NARROW_BAR_WIDTH if narrow else BAR_WIDTH),
        TaskProgressColumn(),
        *(() if narrow else (TimeElapsedColumn(),)),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("starting", total=1.0, scene=name, left="")
        left = TimeLeft(time.monotonic())

        def report(fraction: float, message: str) -> None:
            done = min(max(fraction, 0.0), 1.0)
            seconds = left.seconds(done, time.monotonic())
            told = "" if seconds is None else f"{duration_text(seconds)} left"
            bar.update(task, completed=done, description=message, left=told)

        yield report
