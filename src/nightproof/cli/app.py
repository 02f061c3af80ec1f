"""The commands, and how failures look.

Exit codes: 0 done (and certified, where that was the question); 3 done but not certified; 2 the input is unusable;
1 anything else. A failure that a user can act on is shown as two lines, or as one JSON object with --json; a
traceback is a bug of ours and is shown as such.
"""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from nightproof import __version__
from nightproof.cli import compare, doctor, ending, inspect, optimize, plan, verify
from nightproof.errors import NightproofError

FAILED = 1

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
    """`command`, ended by Ctrl-C with a word about what is kept, and with a watchman who sees to it that it ends."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        ending.watch_for_interrupt(as_json=_wants_json())
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:  # caught here, because Typer would leave without a word
            ending.stop(as_json=_wants_json())

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
    for stream in (sys.stdout, sys.stderr):  # names of scenes hold what a terminal's encoding may not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if _wants_json():
        ending.keep_stdout_for_json()
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except KeyboardInterrupt:
        ending.stop(as_json=_wants_json())
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except NightproofError as error:
        place = {name: str(getattr(error, name)) for name in ("pointer", "rule") if hasattr(error, name)}
        return _explain(type(error).__name__, str(error), error.hint, error.exit_code, **place)
    except OSError as error:
        hint = "Free some space, or choose another folder with --store or --out. Finished steps are kept."
        where = f"{error.filename}: " if error.filename else ""
        return _explain("StorageFailed", f"{where}{error.strerror or error}", hint, FAILED)
    except MemoryError:
        hint = "Close other programs, or give the job a machine with more memory. Finished steps are kept."
        return _explain("OutOfMemory", "this machine has not enough memory for that", hint, FAILED)
    except Exception as error:
        if (told := _usage(error)) is not None:
            return told
        if _wants_json():
            hint = "This is a bug in nightproof; please report it with the traceback on stderr."
            ending.say_json(ending.failure_json(type(error).__name__, str(error), hint, FAILED))
        raise


def _wants_json() -> bool:
    return "--json" in sys.argv[1:]


def _usage(error: Exception) -> int | None:
    """Explain an error of the command line itself; None where `error` is none."""
    tell = getattr(error, "format_message", None)
    if tell is None:
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "nightproof"
    message = str(tell()).replace("Value error, ", "")
    if not message:  # called with nothing at all: the help was shown
        return FAILED
    return _explain("BadOption", message, f"`{path} --help` says what it takes.", FAILED)


def _explain(kind: str, message: str, hint: str, exit_code: int, **where: str) -> int:
    if _wants_json():
        ending.say_json(ending.failure_json(kind, message, hint, exit_code, **where))
    else:
        typer.echo(f"nightproof: {message}", err=True)
        if hint:
            typer.echo(f"  {hint}", err=True)
    return exit_code
