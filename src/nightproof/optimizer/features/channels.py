"""Animation channels that move nodes or morphs, evaluated at any instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from nightproof.optimizer.loose_json import field, items

if TYPE_CHECKING:
    from nightproof.optimizer.features.dynamic import Document

Array = np.ndarray

PATHS = ("translation", "rotation", "scale", "weights")
MOST_KEYS = 200_000


@dataclass(frozen=True)
class Channel:
    """Keyframes of one property of one node."""

    node: int
    path: str
    times_s: Float[Array, "k"]
    values: Float[Array, "k w"]
    """At the keys; for cubic splines with tangents beside them."""
    tangents: tuple[Float[Array, "k w"], Float[Array, "k w"]] | None
    """In and out, per second."""
    stepped: bool

    @property
    def length_s(self) -> float:
        return float(self.times_s[-1])

    def at(self, times_s: Float[Array, "t"]) -> Float[Array, "t w"]:
        """Held before the first key and after the last; rotations as unit quaternions."""
        times = np.clip(times_s, self.times_s[0], self.times_s[-1])
        low = np.clip(np.searchsorted(self.times_s, times, side="right") - 1, 0, max(len(self.times_s) - 2, 0))
        high = np.minimum(low + 1, len(self.times_s) - 1)
        span = self.times_s[high] - self.times_s[low]
        s = np.where(span > 0, (times - self.times_s[low]) / np.where(span > 0, span, 1), 0.0)[:, None]
        before, after = self.values[low], self.values[high]
        if self.stepped:
            found = np.where(s >= 1, after, before)
        elif self.tangents is not None:
            leave, arrive = self.tangents[1][low] * span[:, None], self.tangents[0][high] * span[:, None]
            found = (2 * s**3 - 3 * s**2 + 1) * before + (s**3 - 2 * s**2 + s) * leave
            found = found + (3 * s**2 - 2 * s**3) * after + (s**3 - s**2) * arrive
        else:
            if self.path == "rotation":  # the shorter way round
                after = np.where((before * after).sum(axis=1, keepdims=True) < 0, -after, after)
            found = (1 - s) * before + s * after
        if self.path == "rotation":
            found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return np.asarray(found)


def channels_of(document: Document, clip: Any) -> list[Channel]:
    """The channels of a clip that can be read and have a place to go; what is broken is left out."""
    samplers = items(field(clip, "samplers"))
    found = []
    for channel in items(field(clip, "channels")):
        which = field(channel, "sampler")
        node, path = target_of(field(channel, "target"))
        if node is None or path not in PATHS or not isinstance(which, int) or not 0 <= which < len(samplers):
            continue
        made = _channel(document, node, path, samplers[which])
        if made is not None:
            found.append(made)
    return found


def target_of(target: Any) -> tuple[int | None, str]:
    """The node and property that a channel drives, by name or by KHR_animation_pointer."""
    pointer = field(target, "extensions", "KHR_animation_pointer", "pointer")
    if isinstance(pointer, str):
        parts = pointer.strip("/").split("/")
        if len(parts) == 3 and parts[0] == "nodes" and parts[1].isdigit() and len(parts[1]) < 9:
            return int(parts[1]), parts[2]
        return None, ""
    node, path = field(target, "node"), field(target, "path")
    return (node if isinstance(node, int) else None), path if isinstance(path, str) else ""


def _channel(document: Document, node: int, path: str, sampler: Any) -> Channel | None:
    ends = [field(sampler, end) for end in ("input", "output")]
    if not all(isinstance(index, int) and not isinstance(index, bool) for index in ends):
        return None
    times = np.nan_to_num(np.asarray(document.accessor(ends[0]), np.float64)).reshape(-1)
    values = _plain(document.accessor(ends[1]))
    cubic = field(sampler, "interpolation") == "CUBICSPLINE"
    keys = len(times) * (3 if cubic else 1)
    if not keys or len(times) > MOST_KEYS or values.size % keys or not values.size:
        return None
    if (np.diff(times) < 0).any():
        return None
    values = values.reshape(keys, -1)
    if values.shape[1] != {"translation": 3, "rotation": 4, "scale": 3}.get(path, values.shape[1]):
        return None
    stepped = field(sampler, "interpolation") == "STEP"
    if cubic:
        arrive, middle, leave = values.reshape(len(times), 3, -1).transpose(1, 0, 2)
        return Channel(node, path, times, middle, (arrive, leave), stepped)
    return Channel(node, path, times, values, None, stepped)


def _plain(values: Array) -> Array:
    """Integers in animations always are normalised."""
    scale = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0
    return np.nan_to_num(np.asarray(values, np.float64) / scale, nan=0.0, posinf=0.0, neginf=0.0)
