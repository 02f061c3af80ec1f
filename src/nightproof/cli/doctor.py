"""nightproof doctor: what this machine can do, and what to install for more."""

from __future__ import annotations

from nightproof.cli.options import Json, StoreFolder, print_json, store_folder


def doctor(store: StoreFolder = None, as_json: Json = False) -> None:
    """Say what this machine can do, and what to install for more.

    Example: nightproof doctor
    """
    from nightproof.jobs.doctor import examine

    findings = examine(store_folder(store))
    if as_json:
        print_json([finding.to_json() for finding in findings])
        return
    from rich.console import Console

    from nightproof.cli.pages import show_findings

    show_findings(Console(), findings)
