"""The commands, and how failures look.

Exit codes: 0 done (and certified, where that was the question); 3 done but not certified; 2 the input is unusable;
1 anything else. A failure that a user can act on is shown as two lines, or as one JSON object with --json; a
traceback is a bug of ours and is shown as such.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from nightproof import __version__
from nightproof.cli import compare, doctor, inspect, optimize, plan, verify
from nightproof.errors import NightproofError

INTERRUPTED = 1

app = typer.Typer(
    name="nightproof",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Turn a 3D scene into a certified real-time asset, at the lowest bill in money and carbon.",
    epilog="Start with: nightproof optimize room.glb --out room/",
)


def _interruptible(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, ended by Ctrl-C with a word about what is kept. Typer would leave without one."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            typer.echo("\nStopped. Finished steps are kept: the same command carries on from here.", err=True)
            sys.stdout.flush()
            # Not sys.exit: where the interrupt hit code that runs Python from C, CPython ends the process by SIGINT
            # at exit although the interrupt was handled.
            os._exit(INTERRUPTED)

    return run


for command in (optimize.optimize, inspect.inspect, plan.plan, verify.verify, compare.compare, doctor.doctor):
    app.command()(_interruptible(command))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nightproof {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Turn a 3D scene into a certified real-time asset, at the lowest bill in money and carbon."""


def main() -> None:
    """The entry point of the `nightproof` command."""
    try:
        app()
    except NightproofError as error:
        sys.exit(_explain(error))


def _explain(error: NightproofError) -> int:
    if "--json" in sys.argv[1:]:
        failure = {"type": type(error).__name__, "message": str(error), "hint": error.hint}
        print(json.dumps({"error": failure, "exit_code": error.exit_code}))
    else:
        typer.echo(f"nightproof: {error}", err=True)
        if error.hint:
            typer.echo(f"  {error.hint}", err=True)
    return error.exit_code
