"""`make bench` runs every benchmark without a word."""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


class _Understood(BaseException):
    """The arguments were; nothing is to be measured here."""


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_needs_no_arguments(path, monkeypatch):
    if "argparse" not in path.read_text():
        return
    parse = argparse.ArgumentParser.parse_args

    def parsed(self, *_):
        parse(self, [])
        raise _Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.syspath_prepend(str(path.parent))
    with pytest.raises(_Understood):
        runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("name", ["packing", "mutations", "audits"])
def test_a_folder_without_scenes_is_said_and_no_fault(name, tmp_path):
    path = BENCHMARKS[0].with_name(f"{name}.py")
    done = subprocess.run([sys.executable, path, tmp_path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "nothing to measure" in done.stdout, done.stderr
