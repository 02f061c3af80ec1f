"""Are packed files valid, and do they play and wear what their sources do?

    python benchmarks/validity.py [FOLDER] [--validator NODE_MODULES] [--only NAME ...] [--made FOLDER]
        [--texture-format avif|ktx2] [--json FILE]

Of every .glb below FOLDER (default: the shared scenes beside the clone): the file loaded and written again, and the
file packed by `pack(document, flat=...)` in studio light.

`--validator` names the `node_modules` of `npm install gltf-validator` (the Khronos glTF validator; needs node on the
PATH). It reads the source, the two files, and the packed file with its meshopt data unpacked: it cannot read that
extension, and would check none of these numbers. An error counts as new where its code occurs more often than in the
source; new warnings are printed.

Playing is measured by the small evaluator of tests/pipelines/packing (glTF's appendix C, no code of ours): nine moments
over each animation, up to 64 keys and as many places midway between keys. What each column says stands in
`sameness.Apart`. `worn` counts primitives whose material, or that of a variant of the same name, has other values or
pictures.

`--made` takes a folder of .glb that a pipeline made; they are validated by themselves. The exit code counts new errors,
primitives that wear something else, and differences above `LIMITS`.
"""

from __future__ import annotations

import argparse
import copy
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nightproof.pipelines.packing.coders import CODERS, Coder, coder_named
from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import split_glb
from nightproof.scenes.gltf import GltfDocument, load_gltf, parse_glb, write_glb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "pipelines" / "packing"))

import sameness

SHARED = Path(__file__).parents[1] / ".." / "shared" / "scenes"
SCRIPT = Path(__file__).parent / "peers" / "validate.mjs"
SEVERITIES = ("errors", "warnings", "infos", "hints")
LIMITS = sameness.LIMITS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--validator", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--made", type=Path)
    parser.add_argument("--texture-format", choices=CODERS, default="webp")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    asked = parser.parse_args()
    heads = ("source", "saved", "packed", "unpacked", "moments", *LIMITS, "worn")
    print(f"{'scene':28}" + "".join(f"{head:>11}" for head in heads))
    rows, faults = [], 0
    for path in sorted(asked.folder.glob("*.glb")):
        if not asked.only or path.stem in asked.only:
            rows.append(row(path, asked.validator, coder_named(asked.texture_format)))
            faults += faults_of(rows[-1])
            print(shown(rows[-1]), flush=True)
    for path in sorted(asked.made.rglob("*.glb")) if asked.made and asked.validator else []:
        (counts,) = validated(asked.validator, [path.read_bytes()])
        faults += errors(counts)
        print(f"{path.name}: {dict(counts)}")
    print(f"{len(rows)} scenes, {faults} faults")
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")
    return faults


def row(path: Path, validator: Path | None, coder: Coder) -> dict[str, Any]:
    document = load_gltf(path)
    made = pack(document, flat=flatten(document, named_environment("studio")), coder=coder)
    packed = parse_glb(made.data)
    found: dict[str, Any] = {"scene": path.stem, "steps": made.steps} | asdict(sameness.apart(document, packed))
    found["worn"] = sameness.dressed_otherwise(document, packed)
    if validator:
        binary = split_glb(path.read_bytes())[1]
        saved = write_glb(document.json, b"" if binary is None else binary)
        files = [path.read_bytes(), unpacked(document), saved, made.data, unpacked(packed)]
        source, bare, *others = validated(validator, files)
        names = ("saved", "packed", "unpacked")
        found["source"] = totals(source)
        for name, counts in zip(names, others, strict=True):
            found[name] = totals(counts)
            found[f"new_{name}"] = dict(counts - (source | bare))  # what the validator could not read counts as there
    return found


def validated(modules: Path, files: list[bytes]) -> list[Counter[str]]:
    """Of each file: "severity code" → how often."""
    with tempfile.TemporaryDirectory() as folder:
        places = []
        for number, data in enumerate(files):
            places.append(Path(folder) / f"{number}.glb")
            places[-1].write_bytes(data)
        command = ["node", str(SCRIPT), str(modules), *map(str, places)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [Counter(json.loads(line)) for line in done.stdout.splitlines()]


def unpacked(document: GltfDocument) -> bytes:
    """The same file with every buffer view in the open, so that a reader without meshopt sees all its numbers."""
    whole, binary = copy.deepcopy(document.json), bytearray()
    for index, view in enumerate(whole.get("bufferViews", [])):
        binary += b"\0" * (-len(binary) % 4)
        data = document.buffer_view(index)
        view |= {"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)}
        binary += data
        view["extensions"] = {
            name: value for name, value in view.get("extensions", {}).items() if "meshopt" not in name
        }
        if not view["extensions"]:
            del view["extensions"]
    if binary:
        whole["buffers"] = [{"byteLength": len(binary)}]
    for key in ("extensionsUsed", "extensionsRequired"):
        whole[key] = [name for name in whole.get(key, []) if "meshopt" not in name]
        if not whole[key]:
            del whole[key]
    return write_glb(whole, bytes(binary))


def totals(counts: Counter[str]) -> str:
    """errors/warnings/infos"""
    by_severity = Counter({str(severity): 0 for severity in range(3)})
    for name, count in counts.items():
        by_severity[name.split()[0]] += count
    return "/".join(str(by_severity[str(severity)]) for severity in range(3))


def errors(counts: dict[str, int] | Counter[str]) -> int:
    return sum(count for name, count in counts.items() if name.startswith("0 "))


def faults_of(found: dict[str, Any]) -> int:
    new = sum(errors(found.get(f"new_{name}", {})) for name in ("saved", "packed", "unpacked"))
    return new + len(found["worn"]) + sum(found[name] > limit for name, limit in LIMITS.items())


def shown(found: dict[str, Any]) -> str:
    cells = [found.get(name, "–") for name in ("source", "saved", "packed", "unpacked")] + [str(found["moments"])]
    cells += [f"{found[name]:.1e}" if found[name] else "0" for name in LIMITS] + [str(len(found["worn"]))]
    new = {
        name: count for key in ("saved", "packed", "unpacked") for name, count in found.get(f"new_{key}", {}).items()
    }
    told = {f"{SEVERITIES[int(name[0])]} {name[2:]}": count for name, count in new.items() if "UNSUPPORTED" not in name}
    return f"{found['scene']:28}" + "".join(f"{cell:>11}" for cell in cells) + (f"  new: {told}" if told else "")


if __name__ == "__main__":
    sys.exit(main())
