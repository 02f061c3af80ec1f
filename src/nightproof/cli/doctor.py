"""nightproof doctor: what this machine can do, and what to install for more."""

from __future__ import annotations

from nightproof.cli.ending import say_json
from nightproof.cli.options import Json, StoreFolder, store_folder


def doctor(store: StoreFolder = None, as_json: Json = False) -> None:
    """Say what this machine can do, and what to install for more.

    Example: nightproof doctor
    """
    from nightproof.jobs.doctor import examine

    findings = examine(store_folder(store))
    if as_json:
        say_json({"findings": [finding.to_json() for finding in findings]})
        return
    from rich.console import Console

    from nightproof.cli.pages import show_findings

    show_findings(Console(), findings)
