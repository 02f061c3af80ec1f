"""Make the documentation: the command line reference from the commands themselves, and every page as HTML.

python docs/build.py            # writes docs/reference/cli.md and build/docs/, checks every relative link
python docs/build.py --check    # writes nothing; exit 1 where cli.md is out of date or a link leads nowhere
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from nightproof.cli.app import app

DOCS = Path(__file__).parent
ROOT = DOCS.parent
CLI_PAGE = DOCS / "reference" / "cli.md"
BAR = "\\|"
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def cli_page() -> str:
    """The reference of all commands in Markdown, in the order in which `--help` lists them."""
    lines = ["# The command line", "", "Made from the commands themselves by `make docs`; don't edit.", ""]
    lines += [EXIT_CODES, ""]
    for command in app.registered_commands:
        assert command.callback is not None
        lines += command_section(command.callback)
    return "\n".join(lines).rstrip() + "\n"


EXIT_CODES = """Exit codes: **0** done (and certified, where that was the question) · **3** done, not certified: the
asset and an honest certificate of what failed are there · **2** the input is unusable · **1** anything else.
With `--json` a failure is one object too, Ctrl-C and a misspelt option among them:
`{"error": {"type", "message", "hint"}, "exit_code"}`. Ctrl-C takes effect within about two seconds."""


def command_section(command: Callable[..., None]) -> list[str]:
    lines = [f"## nightproof {command.__name__}", "", inspect.cleandoc(command.__doc__ or ""), ""]
    lines += ["| argument or option | default | meaning |", "|---|---|---|"]
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        lines.append(parameter_row(name, hints[name], parameter.default))
    return [*lines, ""]


def parameter_row(name: str, hint: Any, default: Any) -> str:
    plain, info = get_args(hint)[:2]
    # In Annotated, Typer keeps the first spelling where a default would stand.
    spellings = [info.default, *(info.param_decls or ())]
    spelled = ", ".join(text for text in spellings if isinstance(text, str)) or name.upper()
    if get_origin(plain) is Literal:
        spelled += " " + "|".join(get_args(plain))
    elif info.metavar:
        spelled += f" {info.metavar}"
    if isinstance(info.show_default, str):
        shown = info.show_default
    else:
        shown = "" if default is None or default is False or default is inspect.Parameter.empty else str(default)
    return f"| `{spelled.replace('|', BAR)}` | {shown} | {(info.help or '').replace('|', BAR)} |"


def pages() -> list[Path]:
    return sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])


def broken_links() -> list[str]:
    """Relative links that lead nowhere, as `page: target`."""
    broken = []
    for page in pages():
        for target in LINK.findall(page.read_text()):
            if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    return broken


def render_html(out: Path) -> None:
    """Every page as plain HTML below `out`, for reading without a Markdown viewer."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark").enable("table")
    for page in pages():
        target = out / page.relative_to(ROOT).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        body = re.sub(r'href="([^":]+)\.md', r'href="\1.html', markdown.render(page.read_text()))
        target.write_text(f"<!doctype html><meta charset=utf-8><title>{page.stem}</title><style>{STYLE}</style>{body}")


STYLE = (
    "body{font:16px/1.6 system-ui;max-width:52rem;margin:3rem auto;padding:0 1rem;color:#1b1f24}"
    "pre,code{background:#f4f5f7;border-radius:4px;padding:.1em .3em}pre{padding:1em;overflow:auto}"
    "table{border-collapse:collapse}td,th{border:1px solid #d8dbe0;padding:.3em .6em;text-align:left}"
    "img{max-width:100%}"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    page = cli_page()
    faults = broken_links()
    if check:
        if not CLI_PAGE.exists() or CLI_PAGE.read_text() != page:
            faults.append("docs/reference/cli.md is out of date: run `make docs`")
    else:
        CLI_PAGE.write_text(page)
        render_html(ROOT / "build" / "docs")
        print(f"wrote {CLI_PAGE.relative_to(ROOT)} and build/docs/")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
