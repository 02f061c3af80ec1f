"""Fewer keys play the same: every sampled value within its bound at every moment, whatever the interpolation."""

from __future__ import annotations

import json as json_text
import time
from typing import Any

import numpy as np
import playback
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.keyframes import LINEAR, SLERP, STEP, Track, kept_keys, sampled
from nightproof.pipelines.packing.layout import assemble
from nightproof.pipelines.packing.lossless_rest import pack_rest
from nightproof.pipelines.packing.moved import moved_sizes
from nightproof.pipelines.packing.resample import resample_animations
from nightproof.pipelines.packing.sampled import POINTED, ROTATION_RAD, SCALE, TRANSLATION, WEIGHT
from nightproof.pipelines.packing.tidy import merge_equal, prune
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb

CODEC_RAD = 5e-5
"""Quaternions of three 16-bit components."""
FLOAT = 1e-6
POINTS = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0]], "<f4")


def moving_glb(tracks: list[dict[str, Any]], **extra: Any) -> bytes:
    """One triangle of two metres with two morph targets below a node of scale ½, and an animation of samplers.

    Each track: path, kind, times, values; equal times share one accessor where they are the same array.
    """
    arrays: list[np.ndarray] = [POINTS, np.zeros((3, 3), "<f4"), np.ones((3, 3), "<f4")]
    accessors = [
        {"componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [2, 1, 1]} for _ in arrays
    ]
    placed: dict[int, int] = {}
    samplers, channels = [], []
    for track in tracks:
        for part in ("times", "values"):
            array = track[part]
            if id(array) not in placed:
                placed[id(array)] = len(arrays)
                arrays.append(np.ascontiguousarray(array, "<f4"))
                kind = "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}"
                accessors.append({"componentType": 5126, "count": len(array), "type": kind})
                if part == "times":
                    accessors[-1] |= {"min": [float(arrays[-1].min())], "max": [float(arrays[-1].max())]}
        sampler = {"input": placed[id(track["times"])], "output": placed[id(track["values"])]}
        samplers.append(sampler | {"interpolation": track["kind"]})
        target: dict[str, Any] = {"node": 1, "path": track["path"]}
        if track["path"].startswith("/"):
            target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": track["path"]}}}
        channels.append({"sampler": len(samplers) - 1, "target": target})
    views, binary = [], b""
    for array, accessor in zip(arrays, accessors, strict=True):
        accessor["bufferView"] = len(views)
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes})
        binary += array.tobytes()
    primitive = {"attributes": {"POSITION": 0}, "targets": [{"POSITION": 1}, {"POSITION": 2}], "material": 0}
    json = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"children": [1], "scale": [0.5, 0.5, 0.5]}, {"mesh": 0}],
        "meshes": [{"primitives": [primitive], "weights": [0, 0]}],
        "materials": [{"emissiveFactor": [1, 1, 1]}],
        "animations": [{"samplers": samplers, "channels": channels}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
        **extra,
    }
    return write_glb(json, binary)


def resampled(source: GltfDocument) -> GltfDocument:
    """Through the step alone and the rest of packing: so small a file would come back as it is."""
    draft = Draft.of(source)
    resample_animations(draft)
    pack_rest(draft)
    merge_equal(draft)
    prune(draft)
    return parse_glb(assemble(draft, meshopt=True))


def values_at(document: GltfDocument, moment: float) -> dict[Any, np.ndarray]:
    return playback.pose(document, 0, moment).values


def keys_of(document: GltfDocument) -> list[int]:
    samplers = document.json["animations"][0]["samplers"]
    return [document.json["accessors"][sampler["input"]]["count"] for sampler in samplers]


WIDTH = {"rotation": 4, "translation": 3, "scale": 3, "weights": 2, "/materials/0/emissiveFactor": 3}


def wander(rng: np.random.Generator, count: int, width: int, noise: float, held: float) -> np.ndarray:
    """A smooth way with noise, part of it at rest."""
    u = np.linspace(0, 6, count)[:, None]
    way = np.sin(u * rng.uniform(0.1, 2, width) + rng.uniform(0, 6, width)) + noise * rng.normal(size=(count, width))
    return np.where(u < 6 * held, way[:1], way)


def track_of(rng: np.random.Generator, path: str, kind: str, times: np.ndarray, noise: float, held: float) -> dict:
    rows = len(times) * (3 if kind == "CUBICSPLINE" else 1)
    values = wander(rng, rows, WIDTH[path], noise, held)
    if path == "rotation":
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        if kind != "CUBICSPLINE":
            values *= np.where(rng.random(rows) < 0.2, -1, 1)[:, None]  # one rotation, two spellings
    values = values.astype("<f4")
    return {"path": path, "kind": kind, "times": times, "values": values.reshape(-1) if path == "weights" else values}


@st.composite
def animations(draw: st.DrawFn) -> list[dict]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lists = [
        np.cumsum(rng.choice([1 / 60, 1 / 30, 0.11], draw(st.integers(1, 200)))).astype("<f4")
        for _ in range(draw(st.integers(1, 2)))
    ]
    paths = draw(st.lists(st.sampled_from(sorted(WIDTH)), min_size=1, max_size=5, unique=True))
    kinds = st.sampled_from(["LINEAR", "LINEAR", "STEP", "CUBICSPLINE"])
    noise, held = st.sampled_from([0, 0, 1e-6, 1e-4, 0.1]), st.sampled_from([0, 0.5, 1])
    return [track_of(rng, path, draw(kinds), draw(st.sampled_from(lists)), draw(noise), draw(held)) for path in paths]


def bound_of(track: dict, path: str) -> Any:
    values = np.asarray(track["values"], float).reshape(-1, WIDTH[path])
    if path == "weights":
        return WEIGHT
    if path == "scale":
        return SCALE * np.abs(values).max()
    if path == "translation":
        return TRANSLATION * 2
    return POINTED * np.ptp(values, axis=0) + SCALE * np.abs(values).max(axis=0)


@settings(max_examples=60, deadline=None)
@given(tracks=animations(), data=st.data())
def test_every_value_stays_within_its_bound_at_every_moment(tracks, data):
    source = parse_glb(moving_glb(tracks))
    packed = resampled(source)
    assert playback.duration_s(source, 0) == playback.duration_s(packed, 0)
    times = np.unique(np.concatenate([track["times"] for track in tracks])).astype(float)
    between = times[:-1] + np.diff(times) * data.draw(st.floats(0.01, 0.99))
    for moment in data.draw(st.permutations([*times, *between]))[:25]:
        before, after = values_at(source, moment), values_at(packed, moment)
        assert before.keys() == after.keys()
        for track, (key, value) in zip(tracks, before.items(), strict=True):
            if track["kind"] == "CUBICSPLINE":
                assert np.array_equal(value, after[key], equal_nan=True)
            elif track["path"] == "rotation":
                assert angle(value, after[key]) <= ROTATION_RAD * 1.0001 + CODEC_RAD
            else:
                exact = track["kind"] != "LINEAR"
                allowed = 0 if exact else bound_of(track, track["path"]) + FLOAT * np.abs(value).max()
                assert (np.abs(value - after[key]) <= allowed).all()


def angle(a: np.ndarray, b: np.ndarray) -> float:
    cosine = abs(float(a @ b)) / np.linalg.norm(a) / np.linalg.norm(b)
    return 2 * float(np.arctan2(np.sqrt(max(0.0, 1 - cosine**2)), cosine))


@settings(max_examples=25, deadline=None)
@given(tracks=animations())
def test_doing_it_again_keeps_no_more_keys_and_gives_no_more_bytes(tracks):
    once = resampled(parse_glb(moving_glb(tracks)))
    twice = resampled(once)
    assert all(b <= a for a, b in zip(keys_of(once), keys_of(twice), strict=True))
    assert twice.source_bytes <= 1.1 * once.source_bytes  # a grid may come out half as wide
    assert resampled(parse_glb(moving_glb(tracks))).file_bytes == once.file_bytes


def test_what_rests_keeps_its_first_and_last_key_and_what_turns_evenly_few():
    times = np.linspace(0, 4, 121).astype("<f4")
    half = np.linspace(0, 1.5, 121) / 2
    turning = np.stack([np.sin(half), 0 * half, 0 * half, np.cos(half)], axis=1)
    turning[::3] *= -1
    still = np.tile(np.float32([3, 1, 4]), (121, 1))
    tracks = [
        {"path": "rotation", "kind": "LINEAR", "times": times, "values": turning},
        {"path": "translation", "kind": "LINEAR", "times": times, "values": still},
        {
            "path": "scale",
            "kind": "CUBICSPLINE",
            "times": times,
            "values": np.tile(np.float32([[0], [1], [0]]), (121, 3)),
        },
    ]
    packed = resampled(parse_glb(moving_glb(tracks)))
    assert 6 <= max(keys_of(packed)) <= 7  # 1.5 rad, of which no step may be more than 0.35
    assert playback.duration_s(packed, 0) == 4.0


def test_a_moving_spline_keeps_every_key():
    times = np.linspace(0, 4, 50).astype("<f4")
    tangents = np.tile(np.float32([[1], [1], [0]]), (50, 3))
    source = parse_glb(moving_glb([{"path": "scale", "kind": "CUBICSPLINE", "times": times, "values": tangents}]))
    assert keys_of(resampled(source)) == [50]


def test_quaternions_that_go_around_are_not_cut_short():
    """A wheel: every fourth key is the first again, and nothing between may be dropped."""
    times = np.arange(41).astype("<f4")
    half = np.arange(41) * np.pi / 4
    wheel = np.stack([0 * half, np.sin(half), 0 * half, np.cos(half)], axis=1).astype("<f4")
    source = parse_glb(moving_glb([{"path": "rotation", "kind": "LINEAR", "times": times, "values": wheel}]))
    assert keys_of(resampled(source)) == [41]


def test_a_translation_is_held_to_the_size_of_what_it_moves():
    """The mesh is two units wide in its own space and its node's; its parent halves both."""
    document = parse_glb(moving_glb([]))
    assert moved_sizes(document)[1] == pytest.approx(2.0)
    assert moved_sizes(document)[0] == pytest.approx(1.0)


def test_whoever_may_refer_to_accessors_keeps_every_key():
    times = np.linspace(0, 4, 121).astype("<f4")
    still = {"path": "translation", "kind": "LINEAR", "times": times, "values": np.ones((121, 3), "<f4")}
    source = parse_glb(moving_glb([still], extras={"plays": 3}))
    draft = Draft.of(source)
    before = json_text.dumps(draft.json)
    resample_animations(draft)
    assert json_text.dumps(draft.json) == before and not draft.streams


def test_tracks_that_need_other_keys_get_times_of_their_own_where_that_is_smaller():
    rng = np.random.default_rng(4)
    times = np.linspace(0, 60, 1800).astype("<f4")
    noisy = {"path": "rotation", "kind": "LINEAR", "times": times, "values": rng.normal(size=(1800, 4))}
    noisy["values"] /= np.linalg.norm(noisy["values"], axis=1, keepdims=True)
    still = {"path": "translation", "kind": "LINEAR", "times": times, "values": np.ones((1800, 3))}
    assert keys_of(resampled(parse_glb(moving_glb([noisy, still])))) == [1800, 2]
    few = {"path": "scale", "kind": "LINEAR", "times": times[:5], "values": np.ones((5, 3))}
    other = {"path": "rotation", "kind": "LINEAR", "times": few["times"], "values": noisy["values"][:5]}
    assert keys_of(resampled(parse_glb(moving_glb([few, other])))) == [5, 5]


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    kind=st.sampled_from([LINEAR, SLERP, STEP]),
    noise=st.sampled_from([0.0, 1e-3, 3e-3]),
    far=st.sampled_from([0.1, 1.0, 4.0]),
)
def test_chosen_keys_hold_between_keys_too(seed, kind, noise, far):
    rng = np.random.default_rng(seed)
    times, tolerance, count = np.cumsum(rng.random(90) + 0.01), 3e-3, 90
    values = wander(rng, count, 4, noise, 0.0) * far
    if kind == STEP:
        values = np.round(values, 1)
    if kind == SLERP:
        values += np.array([0, 0, 0, 1])
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    track = Track(values, kind, np.full(1 if kind == SLERP else 4, tolerance))
    kept = kept_keys(times, [track])
    moments = np.linspace(times[0], times[-1], 2000)
    before, after = sampled(times, track, np.arange(count), moments), sampled(times, track, kept, moments)
    if kind == SLERP:
        assert max(angle(a, b) for a, b in zip(before, after, strict=True)) <= tolerance * 1.0001
    else:
        assert np.abs(before - after).max() <= (tolerance * 1.0001 if kind == LINEAR else 0)


def test_keys_chosen_together_hold_for_each():
    rng = np.random.default_rng(3)
    times = np.arange(200) / 30
    turning = wander(rng, 200, 4, 1e-3, 0.0) + np.array([0, 0, 0, 3])
    turning /= np.linalg.norm(turning, axis=1, keepdims=True)
    tracks = [Track(wander(rng, 200, 3, 1e-3, 0.0), LINEAR, np.full(3, 3e-3)), Track(turning, SLERP, np.full(1, 3e-3))]
    tracks.append(Track(np.round(wander(rng, 200, 1, 0.0, 0.6)), STEP, np.zeros(1)))
    kept, moments = kept_keys(times, tracks), np.linspace(0, times[-1], 3000)
    assert len(kept) < 160
    pairs = [[sampled(times, track, keys, moments) for keys in (np.arange(200), kept)] for track in tracks]
    assert np.abs(pairs[0][0] - pairs[0][1]).max() <= 3e-3 * 1.0001
    assert max(angle(a, b) for a, b in zip(*pairs[1], strict=True)) <= 3e-3 * 1.0001
    assert np.array_equal(*pairs[2])


def test_long_recordings_of_many_joints_take_seconds():
    rng = np.random.default_rng(1)
    times = np.arange(3000) / 60
    tracks = [Track(wander(rng, 3000, 3, 0, 0), LINEAR, np.full(3, 1e-4)) for _ in range(60)]
    begin = time.process_time()
    kept_keys(times, tracks)
    assert time.process_time() - begin < 10
