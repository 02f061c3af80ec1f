"""What was decoded, made or looked at is not decoded, made or looked at again, and nothing comes out other for it."""

from __future__ import annotations

import numpy as np
import pytest
from test_sight import ball, glb_of, png, seen

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing import candidates as ways_of
from nightproof.pipelines.packing import decoded as decoding
from nightproof.pipelines.packing import geometry
from nightproof.pipelines.packing.candidates import NOT_SEEN, Candidate, begun, candidates
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.geometry import Remembered
from nightproof.pipelines.packing.judge import Judge
from nightproof.pipelines.packing.pixels import webp
from nightproof.pipelines.packing.recode import Encoder
from nightproof.pipelines.packing.sight import VIEWS, Sight
from nightproof.pipelines.packing.texture_work import Asked
from nightproof.pipelines.packing.tolerances import Tolerances
from nightproof.pipelines.packing.viewpoint import SIDE_PX
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.views import ViewSampler

GRAIN = np.random.default_rng(4).integers(60, 200, (128, 128, 3), np.uint8)


def size(way: Candidate) -> int:
    return len(way.data)


def quiet(fraction: float, message: str) -> None:
    pass


def painted():
    source = glb_of(*ball(40), image=png(GRAIN))
    document = parse_glb(source)
    return source, document, flatten(document, named_environment("studio"))


def counted(monkeypatch, module, name: str) -> list[str]:
    calls, plain = [], getattr(module, name)

    def call(*given, **named):
        calls.append(name)
        return plain(*given, **named)

    monkeypatch.setattr(module, name, call)
    return calls


def test_an_image_is_decoded_once_while_it_is_used(monkeypatch):
    _, document, flat = painted()
    decoded, calls = Decoded(document, flat), counted(monkeypatch, decoding, "decode_image")
    came, data = document.image(0)[0], webp(GRAIN, lossless=True, quality=20)
    assert decoded.decode(bytes(came), "image/png", "/images/0") is flat.textures[0].pixels
    first = decoded.decode(data, "image/webp", "/images/0")
    assert decoded.decode(data, "image/webp", "/images/0") is first and decoded.pixels(data) is first
    decoded.let_others_go()
    assert decoded.decode(data, "image/webp", "/images/0") is first  # that file had it
    decoded.let_others_go()
    decoded.let_others_go()  # and this one had not
    again = decoded.decode(data, "image/webp", "/images/0")
    assert again is not first and (again == first).all() and len(calls) == 2
    decoded.let_go([data])
    assert decoded.pixels(data) is not again


def test_geometry_is_made_anew_only_where_its_tolerances_changed(monkeypatch):
    _, document, _ = painted()
    base, remembered, calls = begun(document), Remembered(), counted(monkeypatch, geometry, "pack_unit")

    def made(tolerances: Tolerances):
        return candidates(base, Encoder(1, None), tolerances, NOT_SEEN, quiet, remembered=remembered).ways.values()

    usual = made(Tolerances())
    assert len(calls) == 1
    made(Tolerances().with_image(0, Asked(3.0)))
    assert len(calls) == 1
    finer = made(Tolerances().with_bits((0, 0), 0.2))
    assert len(calls) == 2 and min(map(size, finer)) > min(map(size, usual))
    fresh = candidates(begun(document), Encoder(1, None), Tolerances().with_bits((0, 0), 0.2), NOT_SEEN, quiet).ways
    assert [way.data for way in finer] == [way.data for way in fresh.values()]


def test_ways_that_came_to_nothing_are_not_gone_again(monkeypatch):
    _, document, _ = painted()
    calls = counted(monkeypatch, ways_of, "assemble")
    every = candidates(begun(document), Encoder(1, None), Tolerances(), NOT_SEEN, quiet).ways
    assert len(calls) == len(every) == 3
    (first, made), *others = every.items()
    hopeless = {name for name, _ in others}
    some = candidates(begun(document), Encoder(1, None), Tolerances(), NOT_SEEN, quiet, hopeless=hopeless).ways
    assert some == {first: made} and len(calls) == 4


def test_one_way_is_gone_where_one_is_asked_for(monkeypatch):
    _, document, _ = painted()
    every = candidates(begun(document), Encoder(1, None), Tolerances(), NOT_SEEN, quiet).ways
    calls = counted(monkeypatch, ways_of, "assemble")
    for number, (name, way) in enumerate(every.items(), 1):
        made = candidates(begun(document), Encoder(1, None), Tolerances(), NOT_SEEN, quiet, only=name).ways
        assert made == {name: way} and len(calls) == number


def test_large_files_that_the_codec_halved_are_written_with_it_alone(monkeypatch):
    _, document, _ = painted()
    every = candidates(begun(document), Encoder(1, None), Tolerances(), NOT_SEEN, quiet).ways
    monkeypatch.setattr(ways_of, "LARGE_BYTES", 1000)
    some = candidates(begun(document), Encoder(1, None), Tolerances(), NOT_SEEN, quiet).ways
    smallest = min(every.values(), key=size)
    assert list(some.values()) == [smallest]
    for name, way in every.items():  # asked for, it is made all the same
        assert candidates(begun(document), Encoder(1, None), Tolerances(), NOT_SEEN, quiet, only=name).ways[name] == way


def test_rounds_go_only_the_hopeful_ways(monkeypatch):
    made, plain = [], ways_of.assemble
    monkeypatch.setattr(
        ways_of, "assemble", lambda *given, meshopt: made.append(meshopt) or plain(*given, meshopt=meshopt)
    )
    packed = seen(glb_of(*ball()), tolerances=Tolerances(shape_px=40.0))
    assert packed.steps[-1] == "meshopt" and made.count(True) > 1 and made.count(False) == 2


@pytest.mark.parametrize("bad", [True, False])
def test_a_look_ends_with_the_first_views_where_these_still_show(bad):
    source, document, flat = painted()
    rays = RayCaster(flat.positions, flat.triangles, 1)
    sight = Sight(flat, ViewSampler(flat, rays, SIDE_PX, SIDE_PX), Decoded(document, flat))
    look = sight.look(glb_of(*ball(6), image=png(GRAIN)) if bad else source, first=(5, 2), most_error=6.0)
    assert list(look) == ([5, 2] if bad else list(range(VIEWS)))


def test_a_judge_looks_first_where_it_showed():
    source, document, flat = painted()
    rays = RayCaster(flat.positions, flat.triangles, 1)
    judge = Judge(flat, ViewSampler(flat, rays, SIDE_PX, SIDE_PX), Decoded(document, flat), 1)
    lump = glb_of(*ball(6), image=png(GRAIN))
    look, psnr_db = judge.look(lump, 40.3)
    assert len(psnr_db) == VIEWS
    again, fewer_db = judge.look(lump, 40.3, look)
    assert 0 < len(fewer_db) < VIEWS and min(fewer_db) == pytest.approx(min(psnr_db))
    assert len(judge.look(source, 40.3, again)[1]) == VIEWS
