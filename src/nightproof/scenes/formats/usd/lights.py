"""UsdLux: punctual lights where glTF has them, glowing panels where a light has a shape, a note for the rest.

UsdLux says radiance (times area where `normalize`), glTF says lux and candela; both are used radiometrically here,
without lumens between. A distant light without `normalize` shines with its radiance from the disc of its angle.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pxr import Usd, UsdLux

from nightproof.scenes.formats.assembly import Assembly
from nightproof.scenes.formats.mesh import Corners, primitive

Array = np.ndarray
PUNCTUAL = "KHR_lights_punctual"
DISK_CORNERS = 48


def light_of(prim: Usd.Prim, assembly: Assembly, notes: list[str], time: Usd.TimeCode, scale: float) -> dict[str, Any]:
    """What the node of a light prim holds. `scale` is metres per unit."""
    api = UsdLux.LightAPI(prim)
    kind = prim.GetTypeName()
    color, intensity = _emitted(api, time)
    normalized = bool(_get(api.GetNormalizeAttr(), time, False))
    if kind == "DistantLight":
        angle = np.radians(_get(UsdLux.DistantLight(prim).GetAngleAttr(), time, 0.53))
        disc = 1.0 if normalized or angle <= 0 else np.pi * np.sin(min(angle, np.pi) / 2) ** 2
        return _punctual(assembly, prim, {"type": "directional"}, color, intensity * disc)
    if kind == "SphereLight":
        return _sphere(prim, assembly, notes, time, color, intensity, normalized, scale)
    if kind == "RectLight":
        rect = UsdLux.RectLight(prim)
        width, height = (_get(a, time, 1.0) for a in (rect.GetWidthAttr(), rect.GetHeightAttr()))
        if _get(rect.GetTextureFileAttr(), time, None):
            notes.append(f"{prim.GetPath()}: the texture of a light is left out")
        outline = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * (width / 2, height / 2)
        return _panel(prim, assembly, notes, outline, color, intensity, normalized)
    if kind == "DiskLight":
        radius = _get(UsdLux.DiskLight(prim).GetRadiusAttr(), time, 0.5)
        turn = -2 * np.pi * np.arange(DISK_CORNERS) / DISK_CORNERS
        return _panel(
            prim, assembly, notes, radius * np.stack([np.cos(turn), np.sin(turn)], axis=1), color, intensity, normalized
        )
    if kind.startswith("DomeLight"):
        notes.append(f"{prim.GetPath()}: a dome light is left out; give its map with --environment")
    else:
        notes.append(f"{prim.GetPath()}: lights of type {kind or 'unknown'} are left out")
    return {}


def _sphere(
    prim: Usd.Prim, assembly: Assembly, notes: list[str], time: Usd.TimeCode,
    color: list[float], intensity: float, normalized: bool, scale: float,
) -> dict[str, Any]:  # fmt: skip
    """A point: radiance times the disc that a sphere shows, seen from anywhere. With a cone, a spot."""
    radius = _get(UsdLux.SphereLight(prim).GetRadiusAttr(), time, 0.5)
    candela = intensity * scale**2 / 4 if normalized else intensity * np.pi * (radius * scale) ** 2
    light: dict[str, Any] = {"type": "point"}
    shaping = UsdLux.ShapingAPI(prim)
    cone = _get(shaping.GetShapingConeAngleAttr(), time, 180.0) if prim.HasAPI(UsdLux.ShapingAPI) else 180.0
    if cone < 90:
        softness = min(max(_get(shaping.GetShapingConeSoftnessAttr(), time, 0.0), 0.0), 1.0)
        outer = float(np.radians(max(cone, 0.01)))
        light = {"type": "spot", "spot": {"outerConeAngle": outer, "innerConeAngle": outer * (1 - softness) * 0.999}}
    elif cone < 180:
        notes.append(f"{prim.GetPath()}: a cone wider than a half space shines all round")
    notes.append("sphere lights are shown as points: their shadows are sharp")
    return _punctual(assembly, prim, light, color, candela)


def _punctual(
    assembly: Assembly, prim: Usd.Prim, light: dict[str, Any], color: list[float], intensity: float
) -> dict[str, Any]:
    assembly.uses(PUNCTUAL)
    lights = assembly.json.setdefault("extensions", {}).setdefault(PUNCTUAL, {"lights": []})["lights"]
    lights.append({"name": prim.GetName(), **light, "color": color, "intensity": max(float(intensity), 0.0)})
    return {"extensions": {PUNCTUAL: {"light": len(lights) - 1}}}


def _panel(
    prim: Usd.Prim, assembly: Assembly, notes: list[str], outline: Array,
    color: list[float], intensity: float, normalized: bool,
) -> dict[str, Any]:  # fmt: skip
    """A flat outline in x and y that glows towards −z. It is seen by cameras, unlike in most USD renderers."""
    x, y = outline.T
    area = abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2
    if not area > 0 or not np.isfinite(outline).all():
        return {}
    radiance = max(intensity / area if normalized else intensity, 0.0)
    positions = np.concatenate([outline, np.zeros((len(outline), 1))], axis=1)
    i = np.arange(len(outline) - 2)
    place = np.stack([np.zeros_like(i), i + 1, i + 2], axis=1).reshape(-1)
    material: dict[str, Any] = {
        "name": prim.GetName(),
        "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1], "metallicFactor": 0, "roughnessFactor": 1},
        "emissiveFactor": color,
    }
    if radiance != 1:
        assembly.uses("KHR_materials_emissive_strength")
        material["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": radiance}}
    held = assembly.push("materials", material)
    notes.append("rectangle and disk lights are shown as panels that glow, which cameras see")
    mesh = {"name": prim.GetName(), "primitives": [primitive(assembly, Corners(place, positions), held)]}
    return {"mesh": assembly.push("meshes", mesh)}


def _emitted(api: UsdLux.LightAPI, time: Usd.TimeCode) -> tuple[list[float], float]:
    """Colour, linear, of which the largest channel is at most 1; and the radiance that it is multiplied by."""
    color = np.asarray(_get(api.GetColorAttr(), time, (1, 1, 1)), float)
    if _get(api.GetEnableColorTemperatureAttr(), time, False):
        kelvin = float(_get(api.GetColorTemperatureAttr(), time, 6500.0))
        color = color * np.asarray(UsdLux.BlackbodyTemperatureAsRgb(min(max(kelvin, 1000.0), 10000.0)))
    color = np.nan_to_num(np.maximum(color, 0), nan=0, posinf=0)
    most = max(1.0, float(color.max()))
    exposure = min(max(float(_get(api.GetExposureAttr(), time, 0.0)), -64.0), 64.0)
    radiance = float(_get(api.GetIntensityAttr(), time, 1.0)) * 2**exposure * most
    return (color / most).tolist(), radiance if 0 <= radiance < 1e30 else 0.0


def _get(attribute: Usd.Attribute, time: Usd.TimeCode, default: Any) -> Any:
    value = attribute.Get(time) if attribute else None
    return default if value is None else value
