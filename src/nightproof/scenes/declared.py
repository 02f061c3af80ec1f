"""The extensions that a glTF document says it uses, kept in step with what it holds."""

from __future__ import annotations

from typing import Any

USED, REQUIRED = "extensionsUsed", "extensionsRequired"


def declare(json: dict[str, Any], extension: str, *, required: bool) -> None:
    for key in (USED, REQUIRED) if required else (USED,):
        names = json.setdefault(key, [])
        if extension not in names:
            names.append(extension)


def withdraw(json: dict[str, Any], extension: str) -> None:
    """Lists that would be empty go: glTF forbids them."""
    for key in (USED, REQUIRED):
        if extension in json.get(key, []):
            json[key] = [other for other in json[key] if other != extension]
            if not json[key]:
                del json[key]
