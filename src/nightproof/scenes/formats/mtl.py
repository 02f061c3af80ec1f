"""MTL materials (Alias|Wavefront, 1995) as metallic-roughness, with the physically based statements of newer tools.

Kd, map_Kd            base colour. Numbers are linear, as Blender writes them; a black Kd under a map is the mark of
                      exporters that mean the map alone
Pr, Pm, map_Pr, …     roughness, metalness (the extension by Exocortex, which Blender writes)
Ns                    without Pr: a Phong exponent as the roughness whose lobe is as wide, √(2 / (Ns + 2)) = roughness²
                      (Walter et al. 2007); Blender's own files say 1000 (1 − roughness)²
Ks                    black without Pr and Pm: a matte material. Else unread: nearly every exporter leaves a default
d, Tr, map_d          alpha: a mask where the map is nearly all black or white, else blended
Ke, map_Ke            emission; above 1 by KHR_materials_emissive_strength
Ni                    index of refraction, where it is above 1
norm, map_Kn, bump    normal maps; grey bump maps become normal maps
illum 0               unlit
Pc, Pcr, Ps           clearcoat, its roughness, sheen
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.formats import mtl_maps as maps
from nightproof.scenes.formats.assembly import Assembly
from nightproof.scenes.formats.beside import Beside
from nightproof.scenes.formats.mesh import plain_material
from nightproof.scenes.formats.mtl_maps import Map, parse_map

NUMBERS = {"kd": 3, "ks": 3, "ke": 3, "ns": 1, "d": 1, "tr": 1, "ni": 1, "pr": 1, "pm": 1, "pc": 1, "pcr": 1, "ps": 1}
NUMBERS |= {"illum": 1}
MAPS = {
    **{"map_kd": "color", "map_ke": "emission", "map_d": "alpha", "map_pr": "roughness", "map_pm": "metalness"},
    **{"norm": "normal", "map_kn": "normal", "map_bump": "bump", "bump": "bump"},
}
MATERIALS_LIMIT = 65536


@dataclass
class Statements:
    """One material as the file states it."""

    name: str
    numbers: dict[str, tuple[float, ...]] = field(default_factory=dict)
    maps: dict[str, Map] = field(default_factory=dict)
    blender: bool = False

    def one(self, name: str, default: float = 0.0) -> float:
        return self.numbers.get(name, (default,))[0]


@dataclass
class MaterialBook:
    """The materials of an OBJ's libraries, turned into glTF as faces ask for them."""

    statements: dict[str, Statements]
    beside: Beside
    assembly: Assembly
    notes: list[str] = field(default_factory=list)
    _indices: dict[tuple[str, bool], int] = field(default_factory=dict)

    @classmethod
    def read(cls, libraries: tuple[str, ...], beside: Beside, assembly: Assembly) -> MaterialBook:
        found: dict[str, Statements] = {}
        for library in libraries:
            data = beside.read(library, "the material library")
            if data is None and " " in library:  # a list of names, or one name with spaces
                data = b"\n".join(filter(None, (beside.read(n, "the material library") for n in library.split())))
            for statements in parse_mtl(data or b""):
                found.setdefault(statements.name, statements)
        return cls(found, beside, assembly)

    def index(self, name: str, *, tinted: bool) -> int:
        """The glTF material of that name; plain grey, or white under vertex colours, where the file has none."""
        if (name, tinted) not in self._indices:
            held = self.statements.get(name)
            if held is None and name:
                self.notes.append(f"the material {name[:60]!r} is in no library: shown grey")
            material = (
                plain_material(name, tinted=tinted) if held is None else material_of(held, self.beside, self.assembly)
            )
            self._indices[name, tinted] = self.assembly.push("materials", material)
        return self._indices[name, tinted]


def parse_mtl(data: bytes) -> list[Statements]:
    """Raises BrokenScene for numbers that are none. Unknown statements are skipped."""
    found: list[Statements] = []
    blender = data[:256].lower().startswith(b"# blender")
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = words[0].lower()
        if key == "newmtl":
            if len(found) >= MATERIALS_LIMIT:
                raise BrokenScene(f"a material library of more than {MATERIALS_LIMIT} materials")
            found.append(Statements(" ".join(words[1:]), blender=blender))
        elif found and key in NUMBERS:
            if words[1:2] and words[1].lower() in ("spectral", "xyz"):
                continue
            found[-1].numbers[key] = _numbers(words[1:], NUMBERS[key], number)
        elif found and key in MAPS and (held := parse_map(line.strip()[len(words[0]) :])) is not None:
            found[-1].maps.setdefault(MAPS[key], held)
    return found


def _numbers(words: list[str], count: int, line: int) -> tuple[float, ...]:
    try:
        values = [float(word) for word in words[:count] if word != "-halo"]
    except ValueError:
        raise BrokenScene(f"line {line} of the material library is no number") from None
    if not values or not all(map(math.isfinite, values)):
        raise BrokenScene(f"line {line} of the material library is not finite or empty")
    return tuple(values) if len(values) == count else (values[0],) * count


def material_of(held: Statements, beside: Beside, assembly: Assembly) -> dict[str, Any]:
    """A glTF material; images are read here."""
    textures = maps.Textures(beside, assembly, held.name)
    base, has_alpha = textures.color(held.maps.get("color"), held.maps.get("alpha"))
    alpha = _clamped(held.one("d", 1.0) if "d" in held.numbers else 1 - held.one("tr"))
    color = [_clamped(c) for c in held.numbers.get("kd", (1.0, 1.0, 1.0) if base else (0.6, 0.6, 0.6))]
    if base is not None and not any(color):
        color = [1.0, 1.0, 1.0]
    surface = textures.surface(held.maps.get("roughness"), held.maps.get("metalness"))
    pbr: dict[str, Any] = {
        "baseColorFactor": [*color, alpha],
        "metallicFactor": _clamped(held.one("pm", 1.0 if "metalness" in held.maps and surface else 0.0)),
        "roughnessFactor": 1.0 if "roughness" in held.maps and surface else _roughness(held),
    }
    pbr |= {} if base is None else {"baseColorTexture": base}
    pbr |= {} if surface is None else {"metallicRoughnessTexture": surface}
    material: dict[str, Any] = {"name": held.name, "doubleSided": True, "pbrMetallicRoughness": pbr}
    if alpha < 1 or has_alpha == "BLEND":
        material["alphaMode"] = "BLEND"
    elif has_alpha:
        material["alphaMode"] = "MASK"
    normal = textures.normal(held.maps.get("normal"), held.maps.get("bump"))
    material |= {} if normal is None else {"normalTexture": normal}
    material |= _emission(held, textures, assembly)
    extensions = _extensions(held)
    for name in extensions:
        assembly.uses(name)
    if extensions:
        material.setdefault("extensions", {}).update(extensions)
    return material


def _roughness(held: Statements) -> float:
    if "pr" in held.numbers:
        return _clamped(held.one("pr"))
    if "illum" in held.numbers and held.one("illum") < 2:  # no highlight
        return 1.0
    if "ns" not in held.numbers:
        return 1.0 if "ks" not in held.numbers else 0.5
    shininess = max(held.one("ns"), 0.0)
    if held.blender:
        return _clamped(1 - math.sqrt(min(shininess, 1000.0) / 1000))
    return _clamped((2 / (shininess + 2)) ** 0.25)


def _emission(held: Statements, textures: maps.Textures, assembly: Assembly) -> dict[str, Any]:
    texture = textures.plain(held.maps.get("emission"))
    emission = [max(c, 0.0) for c in held.numbers.get("ke", (0.0, 0.0, 0.0))]
    if texture is not None and not any(emission):
        emission = [1.0, 1.0, 1.0]
    strength = max(1.0, *emission)
    if not any(emission):
        return {}
    found: dict[str, Any] = {"emissiveFactor": [c / strength for c in emission]}
    found |= {} if texture is None else {"emissiveTexture": texture}
    if strength > 1:
        assembly.uses("KHR_materials_emissive_strength")
        found["extensions"] = {"KHR_materials_emissive_strength": {"emissiveStrength": strength}}
    return found


def _extensions(held: Statements) -> dict[str, Any]:
    found: dict[str, Any] = {}
    modern = bool({"pr", "pm"} & held.numbers.keys() or {"roughness", "metalness"} & held.maps.keys())
    if held.one("illum", 2) == 0 and "illum" in held.numbers and not modern:
        found["KHR_materials_unlit"] = {}
    if held.numbers.get("ks") == (0.0, 0.0, 0.0) and not modern:
        found["KHR_materials_specular"] = {"specularFactor": 0.0}
    if 1.0 < held.one("ni") <= 4.0 and held.one("ni") != 1.5:
        found["KHR_materials_ior"] = {"ior": held.one("ni")}
    if held.one("pc") > 0:
        coat = {"clearcoatFactor": _clamped(held.one("pc")), "clearcoatRoughnessFactor": _clamped(held.one("pcr"))}
        found["KHR_materials_clearcoat"] = coat
    if held.one("ps") > 0:
        found["KHR_materials_sheen"] = {"sheenColorFactor": [_clamped(held.one("ps"))] * 3, "sheenRoughnessFactor": 0.5}
    return found


def _clamped(value: float) -> float:
    return min(max(value, 0.0), 1.0)
