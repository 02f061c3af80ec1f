"""Accessors outside triangle units: animations within a tiny bound, everything else with its very values."""

from __future__ import annotations

from collections import defaultdict

from nightproof.pipelines.packing import streams
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.units import draco_accessors, primitives


def pack_rest(draft: Draft) -> None:
    """Give every understood accessor that has no stream yet one of its own."""
    rotations = _rotations(draft)
    kept = set(draft.survey.pinned) | draco_accessors(draft.json)
    vertices = {index for place in primitives(draft.json) for index in place.vertex_accessors}
    lists = {place.value["indices"] for place in primitives(draft.json) if "indices" in place.value}
    drawn = vertices | lists
    for index, accessor in enumerate(draft.json.get("accessors", [])):
        if index in draft.streams or index in kept or not ("bufferView" in accessor or index in draft.unpacked):
            continue
        if index in drawn and "sparse" in accessor:
            continue
        values = draft.document.accessor(index)
        if accessor["type"].startswith("MAT") and values.dtype.itemsize < 4:
            continue  # columns are padded; rare enough to leave alone
        target = streams.ARRAY_BUFFER if index in vertices else None
        if index in rotations and index not in vertices and streams.is_rotation(draft.document.floats(index)):
            draft.streams[index] = streams.rotation(draft.document.floats(index))
        elif index in lists and index not in vertices and values.dtype.itemsize >= 2:
            draft.streams[index] = streams.indices(values, int(values.max()) + 1, triangles=False)
        elif index not in lists:
            draft.streams[index] = streams.lossless(values, accessor, target)


def _rotations(draft: Draft) -> set[int]:
    """Outputs that hold nothing but node rotations, interpolated without tangents."""
    kinds: dict[int, set[str]] = defaultdict(set)
    for animation in draft.json.get("animations", []):
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            plain = sampler.get("interpolation", "LINEAR") != "CUBICSPLINE"
            kinds[sampler["output"]].add(channel["target"]["path"] if plain else "")
    outputs = {reference.index for reference in draft.survey.references if reference.key == "output"}
    others = {r.index for r in draft.survey.references if r.array == "accessors" and r.key != "output"}
    return {index for index in outputs - others if kinds[index] == {"rotation"}}
