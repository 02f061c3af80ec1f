"""Reading the JSON of a stranger without complaint: what is not as it should be counts as absent.

`scenes.fields` refuses broken documents, and what the scene is drawn from has gone through it. The analyzer looks at
more than that (unused meshes, rigs, extensions, images nobody shows), and a fault there is no reason to say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def items(value: Any) -> list[Any]:
    """The items of an array; of anything else none."""
    return value if isinstance(value, list) else []


def field(value: Any, *path: str) -> Any:
    """What stands at the end of `path`, object by object; None where the way there breaks off."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def entry(json: Mapping[str, Any], array: str, index: int) -> Any:
    """An item of one of the root's arrays; None beyond its ends, and a negative index is beyond them."""
    listed = items(json.get(array))
    return listed[index] if 0 <= index < len(listed) else None
