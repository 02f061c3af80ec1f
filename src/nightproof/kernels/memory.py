"""What the C library holds of memory that was freed."""

from __future__ import annotations

from nightproof import _native


def return_free_memory() -> None:
    """Give it back to the system: holes between what is in use, of all threads. Does nothing without glibc.

    Large arrays come and go in other sizes each time, and holes stay that none of the next fits into: before work that
    takes much, it is worth its milliseconds.
    """
    _native.return_free_memory()
