"""Where the Embree library is. The `embreex` wheel ships it; we call its C interface and import nothing else of it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from nightproof.errors import NotOnThisMachine

_PATTERNS = ("libembree4*.so*", "libembree4*.dylib", "embree4*.dll")


class EmbreeMissing(NotOnThisMachine):
    """Nothing can be traced: the ray tracing library is absent or of another major version."""

    hint = "Reinstall it with `pip install --force-reinstall embreex`; nightproof needs Embree 4."


@cache
def embree_library() -> Path:
    """The shared library inside the installed wheel. Raises `EmbreeMissing`."""
    spec = find_spec("embreex")  # finds, does not import
    if spec is None or not spec.submodule_search_locations:
        raise EmbreeMissing("the package embreex is not installed")
    package = Path(next(iter(spec.submodule_search_locations)))
    for folder in (package.with_name("embreex.libs"), package / ".dylibs", package):
        for pattern in _PATTERNS:
            if found := sorted(folder.glob(pattern)):
                return found[0]
    raise EmbreeMissing(f"no Embree 4 library beside {package}")
