"""Our own interiors, CC0, made by rule: what `make demo` bakes and the benchmarks measure.

Closed walls with thickness, textures as an exporter would write them, materials with the exporters' default roughness:
real tests, not easy ones; the bedroom alone is matte on purpose.
`python -m nightproof.scenes.procedural NAME OUT.glb` writes one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from nightproof.errors import UnusableInput
from nightproof.scenes.interiors.bedroom import bedroom
from nightproof.scenes.interiors.gallery import gallery
from nightproof.scenes.interiors.kitchen import kitchen
from nightproof.scenes.interiors.living_room import living_room

INTERIORS: dict[str, Callable[[], bytes]] = {
    "living_room": living_room,
    "gallery": gallery,
    "kitchen": kitchen,
    "bedroom": bedroom,
}


def interior(name: str) -> bytes:
    """The GLB of one interior; the same bytes every time. Raises UnusableInput for a name that is none."""
    if name not in INTERIORS:
        raise UnusableInput(f"no interior is called {name!r}", hint=f"There are {', '.join(INTERIORS)}.")
    return INTERIORS[name]()


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(f"usage: python -m nightproof.scenes.procedural {{{','.join(INTERIORS)}}} OUT.glb", file=sys.stderr)
        return 2
    try:
        data = interior(arguments[0])
    except UnusableInput as error:
        print(f"{error}. {error.hint}", file=sys.stderr)
        return error.exit_code
    Path(arguments[1]).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
