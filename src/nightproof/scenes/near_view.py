"""How near one sensibly comes: what finer detail can be seen nowhere, unless a camera of the file's own shows it."""

from __future__ import annotations

SCREEN_PX = 1080.0
THING_PX_PER_DIAGONAL = 2 * SCREEN_PX
"""One walks round a thing until its diagonal spans two screens' heights …"""
PLACE_PX_PER_M = 935.0
"""… and stands a metre from a wall: a screen's height over 60° of view."""
