"""Mutated scenes: each is read, or refused with one typed error, in time and in bounds.

    python benchmarks/mutations.py [FOLDER] [--count 10000] [--seed 0] [--then inspect|pack]

Every mutant is opened, every accessor decoded, the scene flattened and recorded in a child process whose memory is
bounded. `--then inspect` analyses those that load as `inspect` does. `--then pack` packs and looks at them as
`optimize` does, and loads what comes out; those that cannot be shown are packed unseen. Printed: how many loaded, were
analysed or packed, came back as they were, or were refused by which error; what else happened (a foreign exception, a
crash, a hang); the slowest by CPU-seconds, the largest resident size. One seed gives the same mutants. The exit code
says how many broke a limit.
"""

from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import queue
import random
import re
import resource
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightproof.scenes.flat import FlatScene
    from nightproof.scenes.gltf import GltfDocument

BATCH = 50
"""Mutants per child: a child's peak memory is that of its hungriest mutant."""
LIMIT_S, LIMIT_BYTES = 2.0, 500e6
"""Of loading; what comes then has the seconds below (packing: of scenes of less than 1 MB) and the same memory."""
THEN_LIMIT_S = {"": LIMIT_S, "inspect": 5.0, "pack": 30.0}
HANG_S = 120
NEVER = ("FOREIGN", "CRASH", "HANG")
"""How outcomes begin that should not be."""
USED = ("loaded", "inspected", "packed", "given back")
"""And those of mutants that load."""
ADDRESS_SPACE = 8 << 30
"""Far above the limit that is measured: what runs into it is a bomb."""
NUMBERS = (-1, 0, 1, 2, 3, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**63, -(2**40), 1e30, -1e-30, 0.5, 3.0)
STRINGS = (
    "", "VEC3", "MAT4", "SCALAR", "POSITION", "\u0000", "%2e%2e/x", "../../etc/passwd", "/etc/passwd",
    "http://example.com/x.bin", "file:///etc/passwd", "data:application/octet-stream;base64,AAAA", "data:,",
    "image/png", "image/ktx2",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What became of one mutant."""

    outcome: str
    """`loaded`, the name of a typed error, or what should never happen."""
    cpu_seconds: float
    loading_seconds: float
    """Of them."""
    peak_bytes: int
    name: str


def mutant(data: bytes, seed: int) -> bytes:
    """One to three faults in the JSON, in the bytes of a GLB, or in its frame."""
    chance = random.Random(seed)
    if chance.random() < 0.25:
        return _bytes_broken(data, chance)
    size = struct.unpack_from("<I", data, 12)[0]
    document, rest = json.loads(data[20 : 20 + size]), data[20 + size :]
    for _ in range(chance.randint(1, 3)):
        _json_broken(document, chance)
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    return (
        struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
        + struct.pack("<I4s", len(text), b"JSON")
        + text
        + rest
    )


def _bytes_broken(data: bytes, chance: random.Random) -> bytes:
    broken = bytearray(data)
    kind = chance.choice(("flip", "flip", "cut", "header", "stretch", "zero"))
    if kind == "flip":
        for _ in range(chance.choice((1, 4, 64))):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
    elif kind == "cut":
        del broken[chance.randrange(len(broken)) :]
    elif kind == "header":
        broken[chance.randrange(min(28, len(broken)))] = chance.randrange(256)
    elif kind == "stretch":
        broken += bytes(chance.randrange(1, 4096))
    else:
        start = chance.randrange(len(broken))
        broken[start : start + 64] = bytes(len(broken[start : start + 64]))
    return bytes(broken)


def _json_broken(document: Any, chance: random.Random) -> None:
    places = list(_places(document))
    holder, key = chance.choice(places)
    value = holder[key]
    kind = chance.choice(("number", "number", "nudge", "string", "null", "empty", "drop", "copy", "deep", "many"))
    if kind == "number":
        holder[key] = chance.choice(NUMBERS)
    elif kind == "nudge" and isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[key] = value + chance.choice((-1, 1, 4, 1000))
    elif kind == "string":
        holder[key] = chance.choice(STRINGS)
    elif kind == "null":
        holder[key] = None
    elif kind == "empty":
        holder[key] = chance.choice(([], {}, [[]], [{}]))
    elif kind == "drop" and isinstance(holder, dict):
        del holder[key]
    elif kind == "copy":
        other, place = chance.choice(places)
        if place in (other if isinstance(other, dict) else range(len(other))):
            holder[key] = copy.deepcopy(other[place])
    elif kind == "deep":
        holder[key] = json.loads("[" * 90 + "]" * 90)
    elif isinstance(holder, list) and len(holder) < 64:
        holder.extend(copy.deepcopy(value) for _ in range(chance.choice((1, 3))))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield value, key
        yield from _places(item)


def attempt(data: bytes, then: str = "") -> tuple[str, float]:
    """What became of a mutant (`loaded`, `inspected`, `packed`, why it came back, or the error that a user would be
    told), and the CPU-seconds until it was loaded."""
    from nightproof.errors import UnusableInput
    from nightproof.scenes.gltf import parse_glb

    begin = time.process_time()
    try:
        document = parse_glb(data)
    except UnusableInput as error:
        return type(error).__name__, time.process_time() - begin
    try:
        outcome, flat = _loaded(document)
    except UnusableInput as error:
        outcome, flat = type(error).__name__, None
    spent = time.process_time() - begin
    if then == "inspect" and flat is not None:
        return _inspected(document, flat), spent
    if then == "pack":
        packed = _packed(document, flat)
        outcome = packed if flat is not None else f"{outcome}; unseen {packed}"
    return outcome, spent


def _loaded(document: GltfDocument) -> tuple[str, FlatScene]:
    from nightproof.errors import UnusableInput
    from nightproof.scenes.flatten import flatten
    from nightproof.scenes.image_light import scene_environment
    from nightproof.scenes.load import scene_record

    outcome = "loaded"
    for index in range(document.count("accessors")):
        try:
            document.accessor(index)
        except UnusableInput:
            outcome = "loaded in part"
    flat = flatten(document, scene_environment(document))
    scene_record(document, "mutant", flat)
    return outcome, flat


def _inspected(document: GltfDocument, flat: FlatScene) -> str:
    from nightproof.optimizer.analyzer import SceneAnalyzer
    from nightproof.scenes.load import scene_record

    SceneAnalyzer(threads=1).examine(scene_record(document, "mutant", flat), document, flat)
    return "inspected"


def _packed(document: GltfDocument, flat: FlatScene | None) -> str:
    """`packed` where what came out loads, else why the input came back."""
    from nightproof.pipelines.packing.pack import pack
    from nightproof.scenes.flatten import flatten
    from nightproof.scenes.gltf import parse_glb

    found = pack(document, flat=flat)
    if not found.steps:
        assert found.data == document.file_bytes
        reason = next(iter(found.notes), "it is the smallest")
        return f"given back: {re.split(r'[/0-9]', reason)[0].strip()}"
    made = parse_glb(found.data)
    if flat is not None:
        flatten(made, flat.environment)
    return "packed"


def _batch(paths: list[Path], seeds: list[int], then: str, answers: Any) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for path, seed in zip(paths, seeds, strict=True):
        data = mutant(path.read_bytes(), seed)
        begin = time.process_time()
        loading = None
        try:
            outcome, loading = attempt(data, then)
        except BaseException as error:
            outcome = f"FOREIGN {type(error).__name__}: {error!s:.80} at {_place(error)}"
        spent = time.process_time() - begin
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answers.put(Result(outcome, spent, spent if loading is None else loading, peak, f"{path.stem} seed {seed}"))
    answers.put(None)


def _place(error: BaseException) -> str:
    """The innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"


def run(paths: list[Path], seeds: list[int], then: str) -> list[Result]:
    """All mutants, in children; a child that ends too soon or never names the mutant it held."""
    context, results, done = multiprocessing.get_context("spawn"), [], 0
    while done < len(seeds):
        answers = context.Queue()
        part = slice(done, done + BATCH)
        child = context.Process(target=_batch, args=(paths[part], seeds[part], then, answers))
        child.start()
        while True:
            try:
                answer = answers.get(timeout=HANG_S if child.is_alive() else 1)
            except queue.Empty:
                gone = f"CRASH exit {child.exitcode}" if not child.is_alive() else "HANG"
                results.append(Result(gone, HANG_S, HANG_S, 0, f"{paths[done].stem} seed {seeds[done]}"))
                done += 1
                break
            if answer is None:
                break
            results.append(answer)
            done += 1
        child.terminate()
        child.join()
    return results


def main() -> int:
    from workloads.shared_scenes import SHARED, scenes_of  # tests import the rest of this file from elsewhere

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--then", choices=[work for work in THEN_LIMIT_S if work], default="")
    asked = parser.parse_args()
    scenes = scenes_of(asked.folder)
    paths = [scenes[i % len(scenes)] for i in range(asked.count)]
    order = sorted(range(asked.count), key=lambda i: (paths[i].name, i))  # one child, one scene: memory is told apart
    results = run([paths[i] for i in order], [asked.seed * 1_000_003 + i for i in order], asked.then)
    for outcome, count in Counter(result.outcome for result in results).most_common():
        print(f"{count:7} {outcome}")
    never = [result for result in results if result.outcome.startswith(NEVER)]
    for result in never:
        print(f"{result.name}: {result.outcome}")
    for title, key in (("slowest", lambda r: -r.cpu_seconds), ("largest", lambda r: -r.peak_bytes)):
        print(title)
        for result in sorted(results, key=key)[:5]:
            print(
                f"   {result.cpu_seconds:6.2f} CPU-s {result.peak_bytes / 1e6:6.0f} MB  {result.name}: {result.outcome}"
            )
    slow = sum(r.loading_seconds > LIMIT_S or r.cpu_seconds > THEN_LIMIT_S[asked.then] for r in results)
    large = sum(result.peak_bytes > LIMIT_BYTES for result in results)
    print(f"{len(results)} mutants; {slow} too slow, {large} in children above {LIMIT_BYTES / 1e6:g} MB")
    return min(len(never) + slow + large, 100)


if __name__ == "__main__":
    sys.exit(main())
