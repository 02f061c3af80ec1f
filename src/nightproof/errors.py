"""Failures a user can act on: what went wrong, where, and what to do next.

Every error that may reach a user derives from `NightproofError` and carries a `hint`. A face (CLI, service)
shows the message and the hint; it never shows a traceback for these. `exit_code` is what the CLI exits with:
2 where the input is unusable, 1 for everything else.

Parts define their own errors beside the code that raises them; only those that several parts share live here.
"""


class NightproofWarning(UserWarning):
    """Something a user should know that does not stop the work."""


class NightproofError(Exception):
    """A failure a user can act on. The message says what and where, `hint` what to do next."""

    hint: str = ""
    exit_code: int = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class UnusableInput(NightproofError):
    """The given file cannot be worked on, whatever the options."""

    exit_code = 2


class BrokenRecord(NightproofError):
    """A stored or received record does not have the form its format version promises."""

    hint = "The file was changed or cut short. Fetch it again, or delete the store entry to have it made anew."


class NotOnThisMachine(NightproofError):
    """A tool or library that this work needs is missing here."""

    hint = "Run `nightproof doctor` to see what is missing and how to install it."


class StorageFailed(NightproofError):
    """A file could not be read or written: disk full, folder not writable, medium gone."""

    hint = "Free some space or choose another folder with --store or --out. Finished steps are kept."
