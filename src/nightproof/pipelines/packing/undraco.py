"""Draco's vertices taken out of their codec: only then can they be simplified and welded."""

from __future__ import annotations

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.units import DRACO, draco_accessors, primitives
from nightproof.scenes.declared import withdraw


def unpack_draco(draft: Draft) -> bool:
    """Let primitives own plain accessors; False where there is no Draco or something foreign may mean its data."""
    places = [place for place in primitives(draft.json) if DRACO in place.value.get("extensions", {})]
    if not places or draft.survey.frozen:
        return False
    held = draco_accessors(draft.json)
    draft.unpacked |= {index for index in held if "bufferView" not in draft.json["accessors"][index]}
    for place in places:
        del place.value["extensions"][DRACO]
        if not place.value["extensions"]:
            del place.value["extensions"]
    withdraw(draft.json, DRACO)
    draft.resurvey()
    return True
