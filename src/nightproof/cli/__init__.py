"""The command line: reads, calls, prints. One file per command; nothing heavy is imported before a command runs."""

from nightproof.cli.app import main

__all__ = ["main"]
