"""Every command and every option is documented, and no page has a link that leads nowhere."""

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def docs_builder():
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_line_reference_is_up_to_date_and_links_resolve():
    done = subprocess.run([sys.executable, ROOT / "docs" / "build.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_command_and_option_has_a_help_text_and_an_example():
    from nightproof.cli.app import app

    for command in app.registered_commands:
        assert command.callback is not None
        text = command.callback.__doc__ or ""
        assert f"Example: nightproof {command.callback.__name__}" in text
    page = docs_builder().cli_page()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) > 30
    for row in rows:
        assert row.rstrip(" |").count("|") >= 3, f"no help text: {row}"
    for flag in ("--json", "--policy", "--pipeline", "--environment", "--seed", "--store", "--quiet", "--deadline"):
        assert f"`{flag}" in page


def test_a_link_that_leads_nowhere_is_found(tmp_path, monkeypatch):
    builder = docs_builder()
    (tmp_path / "page.md").write_text("[there](missing.md) [here](page.md) [web](https://example.org/x)")
    monkeypatch.setattr(builder, "ROOT", tmp_path)
    monkeypatch.setattr(builder, "DOCS", tmp_path / "docs")
    assert builder.broken_links() == ["page.md: missing.md"]
