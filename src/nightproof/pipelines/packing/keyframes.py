"""Which keys of sampled motion interpolation gives back: arrays in, the numbers of the keys to keep out.

From each kept key the furthest next one is taken such that everything between stays within its tolerance. For LINEAR
tracks that is a cone of slopes; both sides are straight between the source's keys, so holding there is holding at all
times. Rotations are looked at as rotation vectors from the kept key: a slerp from it is a straight line there, and the
exponential map brings nothing further apart. Between the source's keys its own slerps are no straight lines in that
view: within MOST_TURN_RAD they leave them by less than a fiftieth of the tolerance, for which ROTATION_MARGIN has room.
Interpolation: glTF 2.0, appendix C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from nightproof.pipelines.packing.turning import turned, turns

MOST_TURN_RAD = 0.35
"""Between kept keys that were no neighbours: up to here blending quaternions without slerp is within 2e-4 of it."""
ROTATION_MARGIN = 0.5
"""The part of an angle's tolerance that each of three components may use: together 0.87 of it."""
MOST_APART = 256
"""One key in so many stays in any case: bounds the work."""
BLOCK = 1 << 19
"""Values looked at together: bounds the memory."""
LINEAR, STEP, SLERP, FIXED = "LINEAR", "STEP", "SLERP", "FIXED"


@dataclass(frozen=True)
class Track:
    """The values of one sampler."""

    values: Float[np.ndarray, "n c"]
    kind: str
    """LINEAR, STEP, SLERP (unit quaternions x, y, z, w), or FIXED: every key stays."""
    tolerance: Float[np.ndarray, "c"]
    """LINEAR: of each column. SLERP: rad, one number. Others are exact."""


def kept_keys(times: Float[np.ndarray, "n"], tracks: list[Track]) -> Int[np.ndarray, "k"]:
    """The keys that all tracks need together, first and last always among them; all where times don't grow."""
    count = len(times)
    if count < 3 or not (np.diff(times) > 0).all() or any(track.kind == FIXED for track in tracks):
        return np.arange(count)
    whole = np.array([0, count - 1])
    if _holds(times, tracks, whole):
        return whole
    next_key = _furthest(times, tracks)
    kept = [0]
    while kept[-1] < count - 1:
        kept.append(int(next_key[kept[-1]]))
    return np.array(kept)


def sampled(
    times: Float[np.ndarray, "n"], track: Track, kept: Int[np.ndarray, "k"], moments: Float[np.ndarray, "m"]
) -> Float[np.ndarray, "m c"]:
    """The track at some moments, when only some of its keys are left."""
    left = times[kept]
    before = np.clip(np.searchsorted(left, moments, side="right") - 1, 0, max(len(left) - 2, 0))
    after = np.minimum(before + 1, len(left) - 1)
    span = left[after] - left[before]
    u = np.clip((moments - left[before]) / np.where(span > 0, span, 1.0), 0.0, 1.0)[:, None]
    first, second = track.values[kept[before]], track.values[kept[after]]
    if track.kind == SLERP:
        return turned(first, u * turns(first, second))
    if track.kind == STEP:
        return np.where(u >= 1, second, first)
    return first + u * (second - first)


def _furthest(times: np.ndarray, tracks: list[Track]) -> Int[np.ndarray, "n"]:
    """For every key but the last: the furthest that may come next."""
    stacks = _Stacks.of(tracks)
    rows = max(1, BLOCK // stacks.columns)
    found = np.arange(1, len(times) + 1)
    for start in range(0, len(times) - 1, rows):
        starts = np.arange(start, min(start + rows, len(times) - 1))
        found[starts] = _furthest_of(times, stacks, starts)
    return found


@dataclass(frozen=True)
class _Stacks:
    """All tracks side by side, by kind."""

    lines: Float[np.ndarray, "n l"]
    tolerance: Float[np.ndarray, "c"]
    """Of the lines, then of the rotation vectors' components."""
    turns: Float[np.ndarray, "n t 4"]
    steps: Float[np.ndarray, "n s"]

    @classmethod
    def of(cls, tracks: list[Track]) -> _Stacks:
        empty = np.zeros((len(tracks[0].values), 0))
        by_kind = {kind: [track for track in tracks if track.kind == kind] for kind in (LINEAR, SLERP, STEP)}
        lines, slerps, steps = (np.concatenate([empty, *(t.values for t in by_kind[k])], axis=1) for k in by_kind)
        tolerances = [track.tolerance for track in by_kind[LINEAR]]
        tolerances += [np.repeat(track.tolerance, 3) * ROTATION_MARGIN for track in by_kind[SLERP]]
        return cls(lines, np.concatenate([np.zeros(0), *tolerances]), slerps.reshape(len(slerps), -1, 4), steps)

    @property
    def columns(self) -> int:
        return self.lines.shape[1] + 4 * self.turns.shape[1] + self.steps.shape[1] + 1

    def away(self, first: np.ndarray, second: np.ndarray) -> tuple[Float[np.ndarray, "k c"], Bool[np.ndarray, "k"]]:
        """What leads from some keys to others, and whether no rotation among it is too large."""
        lines = self.lines[second] - self.lines[first]
        vectors = turns(self.turns[first], self.turns[second])
        near = (np.linalg.norm(vectors, axis=-1) <= MOST_TURN_RAD).all(axis=1)
        return np.concatenate([lines, vectors.reshape(len(lines), -1)], axis=1), near


def _furthest_of(times: np.ndarray, stacks: _Stacks, starts: Int[np.ndarray, "k"]) -> Int[np.ndarray, "k"]:
    found = starts + 1
    alive = np.arange(len(starts))
    low = np.full((len(starts), len(stacks.tolerance)), -np.inf)
    high = -low
    for distance in range(1, MOST_APART + 1):
        alive = alive[starts[alive] + distance < len(times)]
        if not len(alive):
            break
        first, second = starts[alive], starts[alive] + distance
        away, near = stacks.away(first, second)
        elapsed = (times[second] - times[first])[:, None]
        slope = away / elapsed
        inside = near & ((slope >= low[alive]) & (slope <= high[alive])).all(axis=1)
        found[alive[inside]] = second[inside]
        low[alive] = np.maximum(low[alive], slope - stacks.tolerance / elapsed)
        high[alive] = np.minimum(high[alive], slope + stacks.tolerance / elapsed)
        open_cone = near & (low[alive] <= high[alive]).all(axis=1)
        alive = alive[open_cone & (stacks.steps[second] == stacks.steps[first]).all(axis=1)]
    return found


def _holds(times: np.ndarray, tracks: list[Track], kept: Int[np.ndarray, "k"]) -> bool:
    """Whether these keys alone will do for every track, at the source's keys and midpoints."""
    moments = np.sort(np.concatenate([times, (times[:-1] + times[1:]) / 2]))
    turned_far = any(
        (np.linalg.norm(turns(track.values[0], track.values), axis=1) > MOST_TURN_RAD).any()
        for track in tracks
        if track.kind == SLERP
    )
    return not turned_far and not any(_late(times, track, kept, moments) for track in tracks)


def _late(times: np.ndarray, track: Track, kept: np.ndarray, moments: np.ndarray) -> bool:
    """Whether a track differs from its source by more than it may; a millionth more is the arithmetic's own."""
    source, other = sampled(times, track, np.arange(len(times)), moments), sampled(times, track, kept, moments)
    if track.kind == SLERP:
        return bool((np.linalg.norm(turns(source, other), axis=1) > track.tolerance[0] * (1 + 1e-6)).any())
    allowed = track.tolerance * (1 + 1e-6) if track.kind == LINEAR else 0.0
    return bool((np.abs(source - other) > allowed).any())
