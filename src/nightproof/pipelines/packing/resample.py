"""Animations in fewer keys and on fine grids: what interpolation gives back within a bound nobody sees is dropped.

Samplers with equal times go on sharing them where that is smaller: what the codec makes of values and of times is
tried. Times stay exact, the first and last key stay, and so does every channel; steps are exact, and cubic splines are
left alone unless nothing in them moves. The bounds: docs/reference/packing.md.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from nightproof.pipelines.packing import streams
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.keyframes import kept_keys
from nightproof.pipelines.packing.moved import moved_sizes
from nightproof.pipelines.packing.sampled import Sampled, Target, sampled_of
from nightproof.pipelines.packing.streams import Stream, coded_bytes
from nightproof.records.record import canonical_json

ACCESSOR_BYTES = 130
"""Of JSON, for one more list of times."""
VIEW_BYTES = 230
"""Of JSON and the codec's header and tail, for one more compressed view."""
MOST_CLUSTERS = 32
"""That are tried, for each list of times: bounds the work."""


@dataclass(frozen=True)
class Cluster:
    """What shares one list of times."""

    members: tuple[Sampled, ...]
    kept: np.ndarray
    cost: int
    """Bytes, of times and values."""


def resample_animations(draft: Draft) -> None:
    """Give samplers what suffices, where the file gets smaller. Nothing where something foreign may mean accessors."""
    if draft.survey.frozen or not draft.json.get("animations"):
        return
    before = after = 0
    for index, members in _on_grids(_by_times(draft)):
        clusters = _clusters(draft, index, members)
        for cluster in clusters:
            _rewrite(draft, index, cluster)
        before += draft.json["accessors"][index]["count"] * len(members)
        after += sum(len(cluster.kept) * len(cluster.members) for cluster in clusters)
    draft.resurvey()
    if after < before:
        draft.notes.append(f"Animations keep {after} of {before} keys.")


def _by_times(draft: Draft) -> list[tuple[int, list[Sampled]]]:
    """Everything sampled, by its times: the first accessor that holds them."""
    uses: dict[tuple[int, int, str], list[tuple[dict[str, Any], list[Target]]]] = defaultdict(list)
    for animation in draft.json["animations"]:
        targets: dict[int, list[Target]] = defaultdict(list)
        for channel in animation["channels"]:
            targets[channel["sampler"]].append(channel["target"])
        for number, sampler in enumerate(animation["samplers"]):
            key = (sampler["input"], sampler["output"], sampler.get("interpolation", "LINEAR"))
            uses[key].append((sampler, targets[number]))
    sizes = moved_sizes(draft.document)
    groups: dict[bytes, tuple[int, list[Sampled]]] = {}
    for (times, _, _), found in uses.items():
        if "bufferView" in draft.json["accessors"][times]:
            samplers = tuple(sampler for sampler, _ in found)
            aims = [target for _, many in found for target in many]
            group = groups.setdefault(_times_key(draft, times), (times, []))
            group[1].append(sampled_of(draft, samplers, aims, sizes))
    return list(groups.values())


def _on_grids(groups: list[tuple[int, list[Sampled]]]) -> list[tuple[int, list[Sampled]]]:
    """Values on grids lie in views of their own, one for each number of columns: those have to pay."""
    gains: Counter[int] = Counter()
    for _, members in groups:
        for member in members:
            gains[member.track.values.shape[1]] += member.grid_gain
    paying = {width for width, gain in gains.items() if gain > VIEW_BYTES}
    return [(i, [m.on_grid() if m.track.values.shape[1] in paying else m for m in members]) for i, members in groups]


def _times_key(draft: Draft, index: int) -> bytes:
    accessor = draft.json["accessors"][index]
    placed = ("bufferView", "byteOffset", "sparse", "min", "max")
    rest = {key: value for key, value in accessor.items() if key not in placed}
    return canonical_json(rest) + draft.document.accessor(index).tobytes()


def _clusters(draft: Draft, index: int, members: list[Sampled]) -> list[Cluster]:
    """Each by itself, then neighbours by their number of keys joined while the whole gets smaller; or all keys."""
    times = draft.document.floats(index).reshape(-1).astype(np.float64)

    @cache
    def times_bytes(kept: bytes) -> int:
        return ACCESSOR_BYTES + coded_bytes(_times(draft, index, np.frombuffer(kept, np.int64)))

    def cluster(some: tuple[Sampled, ...], kept: np.ndarray | None = None) -> Cluster:
        if kept is None:
            kept = kept_keys(times, [member.track for member in some])
        values = sum(coded_bytes(member.stream(kept)) for member in some if member.stream)
        return Cluster(some, kept, times_bytes(kept.astype(np.int64).tobytes()) + values)

    line = sorted((cluster((member,)) for member in members), key=lambda found: len(found.kept))
    if len(line) > MOST_CLUSTERS:
        bounds = np.linspace(0, len(line), MOST_CLUSTERS + 1).astype(int)
        parts = [line[a:b] for a, b in pairwise(bounds)]
        line = [cluster(tuple(found.members[0] for found in part)) for part in parts]
    _join(line, cluster)
    unchanged = cluster(tuple(members), np.arange(len(times)))
    return line if sum(found.cost for found in line) < unchanged.cost else [unchanged]


def _join(line: list[Cluster], cluster: Callable[..., Cluster]) -> None:
    """Neighbours become one while that gains something, the largest gain first."""

    def joined(one: Cluster, other: Cluster) -> Cluster:
        same = np.array_equal(one.kept, other.kept)  # what holds for each by itself then holds for both
        return cluster((*one.members, *other.members), one.kept if same else None)

    pairs = [joined(a, b) for a, b in pairwise(line)]
    while pairs:
        gains = [a.cost + b.cost - both.cost for a, b, both in zip(line, line[1:], pairs, strict=False)]
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            return
        line[best : best + 2] = [pairs[best]]
        del pairs[best]
        for other in (best - 1, best):
            if 0 <= other < len(pairs):
                pairs[other] = joined(line[other], line[other + 1])


def _rewrite(draft: Draft, index: int, cluster: Cluster) -> None:
    all_stay = len(cluster.kept) == draft.json["accessors"][index]["count"]
    times = index if all_stay else _add(draft, index, _times(draft, index, cluster.kept))
    for member in cluster.members:
        for sampler in member.samplers:
            sampler["input"] = times
        if member.stream:
            output = _add(draft, member.samplers[0]["output"], member.stream(cluster.kept))
            for sampler in member.samplers:
                sampler["output"] = output
        assert member.stream or all_stay  # what cannot be rewritten is FIXED


def _times(draft: Draft, index: int, kept: np.ndarray) -> Stream:
    return streams.lossless(draft.document.accessor(index)[kept], draft.json["accessors"][index], None)


def _add(draft: Draft, like: int, stream: Stream) -> int:
    """One more accessor, with the name and whatever else the old one has."""
    added = draft.add_accessor(stream)
    draft.json["accessors"][added] = dict(draft.json["accessors"][like])
    return added
