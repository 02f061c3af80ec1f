"""UsdPreviewSurface networks: what feeds an input, a value or a texture with the way it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from pxr import Sdf, Usd, UsdShade

DEPTH_LIMIT = 32
"""Shaders in a row; networks can be looped by mistake or on purpose."""
WRAPS = {"repeat": 10497, "clamp": 33071, "mirror": 33648, "black": 33071, "useMetadata": 10497}


@dataclass(frozen=True)
class Placement:
    """How texture coordinates reach a texture: UsdTransform2d, with v running up."""

    scale: tuple[float, float] = (1.0, 1.0)
    rotation_deg: float = 0.0
    translation: tuple[float, float] = (0.0, 0.0)

    def as_gltf(self) -> dict[str, Any]:
        """KHR_texture_transform, whose v runs down: the same turn, with the offset of the flipped axis."""
        angle = math.radians(self.rotation_deg)
        c, s = math.cos(angle), math.sin(angle)
        (sx, sy), (tx, ty) = self.scale, self.translation
        return {"offset": [tx - s * sy, 1 - c * sy - ty], "rotation": angle, "scale": [sx, sy]}


@dataclass(frozen=True)
class Sampled:
    """One channel or colour of a UsdUVTexture."""

    asset: Sdf.AssetPath
    layer: Sdf.Layer | None
    channels: str
    """`rgb`, or one of r, g, b, a."""
    texcoord: str
    placement: Placement
    wraps: tuple[int, int]
    scale: tuple[float, ...]
    bias: tuple[float, ...]
    fallback: tuple[float, ...]
    space: str
    """sRGB, raw or auto."""


@dataclass(frozen=True)
class Colored:
    """The displayColor (or displayOpacity) of the mesh itself."""


Value = float | tuple[float, ...] | str | Sampled | Colored | None


def value_of(shader: UsdShade.Shader, name: str, time: Usd.TimeCode) -> Value:
    """What an input is: a number, numbers, a texture; None where nothing is said or nothing of it is understood."""
    held = shader.GetInput(name)
    return None if not held else _followed(held, time, 0)


def _followed(held: Any, time: Usd.TimeCode, depth: int) -> Value:
    if depth > DEPTH_LIMIT:
        return None
    sources = held.GetConnectedSources()[0]
    if not sources:
        return _plain(held.Get(time))
    source = sources[0]
    name, owner = source.sourceName, source.source
    shader = UsdShade.Shader(owner.GetPrim())
    if shader and owner.GetPrim().IsA(UsdShade.Shader):
        return _output(shader, name, time, depth + 1)
    inner = owner.GetInput(name) if source.sourceType == UsdShade.AttributeType.Input else owner.GetOutput(name)
    return _followed(inner, time, depth + 1) if inner else None


def _output(shader: UsdShade.Shader, output: str, time: Usd.TimeCode, depth: int) -> Value:
    kind = shader.GetIdAttr().Get()
    if kind == "UsdUVTexture":
        return _texture(shader, output, time, depth)
    if kind in ("UsdPrimvarReader_float3", "UsdPrimvarReader_float"):
        name = _text(shader, "varname", time)
        return Colored() if name in ("displayColor", "displayOpacity") else _number(shader, "fallback", time)
    return None


def _texture(shader: UsdShade.Shader, output: str, time: Usd.TimeCode, depth: int) -> Value:
    file = shader.GetInput("file")
    asset = _asset(file, time, depth)
    if asset is None or output not in ("r", "g", "b", "a", "rgb"):
        return None
    texcoord, placement = _coordinates(shader, time, depth)
    wraps = tuple(WRAPS.get(_text(shader, name, time) or "useMetadata", 10497) for name in ("wrapS", "wrapT"))
    return Sampled(
        asset[0], asset[1], output, texcoord, placement, (wraps[0], wraps[1]),
        _four(shader, "scale", time, (1, 1, 1, 1)), _four(shader, "bias", time, (0, 0, 0, 0)),
        _four(shader, "fallback", time, (0, 0, 0, 1)),
        _text(shader, "sourceColorSpace", time) or "auto",
    )  # fmt: skip


def _asset(held: Any, time: Usd.TimeCode, depth: int) -> tuple[Sdf.AssetPath, Sdf.Layer | None] | None:
    """The path that an input or what it is connected to holds, and the layer that says it."""
    while held and depth < DEPTH_LIMIT:
        sources = held.GetConnectedSources()[0]
        if not sources:
            value = held.Get(time)
            if not isinstance(value, Sdf.AssetPath) or not value.path:
                return None
            stack = held.GetAttr().GetPropertyStack(time)
            return value, stack[0].layer if stack else None
        owner, name = sources[0].source, sources[0].sourceName
        held, depth = owner.GetInput(name), depth + 1
    return None


def _coordinates(shader: UsdShade.Shader, time: Usd.TimeCode, depth: int) -> tuple[str, Placement]:
    """The primvar that feeds `st`, and the transform between, if any."""
    placement, name = Placement(), "st"
    held: Any = shader.GetInput("st")
    while held and depth < DEPTH_LIMIT:
        sources = held.GetConnectedSources()[0]
        if not sources:
            break
        owner, depth = sources[0].source, depth + 1
        node = UsdShade.Shader(owner.GetPrim())
        kind = node.GetIdAttr().Get() if node and owner.GetPrim().IsA(UsdShade.Shader) else None
        if kind == "UsdTransform2d":
            placement = Placement(
                _pair(node, "scale", time, 1.0), _rotation(node, time),
                _pair(node, "translation", time, 0.0),
            )  # fmt: skip
            held = node.GetInput("in")
        elif kind == "UsdPrimvarReader_float2":
            return _text(node, "varname", time) or name, placement
        elif kind is None:
            held = owner.GetInput(sources[0].sourceName) or owner.GetOutput(sources[0].sourceName)
        else:
            break
    return name, placement


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, str | Sdf.AssetPath):
        return value if isinstance(value, str) else None
    try:
        numbers = np.asarray(value, float).reshape(-1)
    except (TypeError, ValueError):
        return None
    if not len(numbers) or not np.isfinite(numbers).all():
        return None
    return float(numbers[0]) if np.ndim(value) == 0 and len(numbers) == 1 else tuple(numbers.tolist())


def _number(shader: UsdShade.Shader, name: str, time: Usd.TimeCode) -> Value:
    held = shader.GetInput(name)
    return _plain(held.Get(time)) if held else None


def _text(shader: UsdShade.Shader, name: str, time: Usd.TimeCode) -> str:
    """A token or string, through the interface of a material where it is connected to one."""
    held = shader.GetInput(name)
    value = _followed(held, time, 0) if held else None
    return value if isinstance(value, str) else ""


def _four(
    shader: UsdShade.Shader, name: str, time: Usd.TimeCode, default: tuple[float, float, float, float]
) -> tuple[float, ...]:
    value = _number(shader, name, time)
    return value if isinstance(value, tuple) and len(value) == 4 else default


def _pair(shader: UsdShade.Shader, name: str, time: Usd.TimeCode, default: float) -> tuple[float, float]:
    value = _number(shader, name, time)
    return (value[0], value[1]) if isinstance(value, tuple) and len(value) == 2 else (default, default)


def _rotation(shader: UsdShade.Shader, time: Usd.TimeCode) -> float:
    value = _number(shader, "rotation", time)
    return value if isinstance(value, float) else 0.0


def alike(one: Sampled, other: Sampled) -> bool:
    """Whether two lie the same way on the surface, so that one texture can serve both."""
    return (one.texcoord, one.placement, one.wraps) == (other.texcoord, other.placement, other.wraps)
