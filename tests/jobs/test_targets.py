"""What only packing can aim at: said clearly, refused where it cannot be meant, and part of what the job is."""

from dataclasses import replace

import pytest

from nightproof.jobs.asking import Wishes
from nightproof.jobs.learning import Finished
from nightproof.jobs.targets import BadTarget, aimed, parse_bytes
from nightproof.pipelines.packing.aims import aim_of
from nightproof.pipelines.packing.coders import AVIF, CODERS
from nightproof.records.analysis import Scores
from nightproof.records.record import parse_json
from nightproof.records.request import Request
from nightproof.records.route import Alternative, Estimate, Route

FORMATS = ("avif", "ktx2")
AIMS = ({"target_psnr_db": 32.0}, {"target_bytes": 1_000_000}, {"texture_format": "avif"})


def route(pipeline: str = "baking") -> Route:
    weighed = tuple(
        Alternative(pipeline=name, available=True, reasons_for=(), reasons_against=("Slow.",), estimate=None)
        for name in ("baking", "packing")
    )
    return Route(
        analysis="a",
        pipeline=pipeline,
        wanted="baking",
        fallback_reason="",
        decided_by="matrix",
        scores=Scores(0.9, 0.1, 0.2),
        alternatives=weighed,
        parameters={"outputs": "A"},
    )


@pytest.mark.parametrize(
    "text, size",
    [
        ("2MB", 2_000_000),
        ("500kB", 500_000),
        ("1_000_000", 1_000_000),
        (" 1.5 mb ", 1_500_000),
        ("2MiB", 2 << 20),
        ("64k", 64_000),
        ("17", 17),
    ],
)
def test_sizes_are_read_as_people_write_them(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "0", "-5", "2 bananas", "1e6", "nan", "0.2", "9999999GB", "1.2.3", "_", "2ib"]
)
def test_other_sizes_are_a_typed_error(text):
    with pytest.raises(BadTarget, match="not a size"):
        parse_bytes(text)


@pytest.mark.parametrize("psnr_db", [19.9, 60.1, -1.0, float("nan"), float("inf")])
def test_targets_outside_what_can_be_meant_are_refused(psnr_db):
    with pytest.raises(BadTarget, match="between 20 and 60"):
        Wishes(target_psnr_db=psnr_db)


@pytest.mark.parametrize("asked", AIMS)
def test_a_pipeline_that_cannot_aim_is_refused_with_a_hint(asked):
    Wishes(pipeline="packing", **asked)
    for pipeline in ("baking", "splatting", "hybrid"):
        Wishes(pipeline=pipeline)
        with pytest.raises(BadTarget, match=f"--pipeline {pipeline} cannot aim") as caught:
            Wishes(pipeline=pipeline, **asked)
        assert "--pipeline packing" in caught.value.hint


@pytest.mark.parametrize("asked", AIMS)
def test_the_router_is_overruled_and_every_reason_says_so(asked):
    found = aimed(route(), Wishes(**asked))
    assert (
        found.pipeline == "packing"
        and found.wanted == "baking"
        and "only packing can aim at --" in found.fallback_reason
    )
    against = {each.pipeline: each.reasons_against for each in found.alternatives}
    assert "cannot aim" in against["baking"][0] and against["packing"] == ("Slow.",)
    assert aimed(route("packing"), Wishes(**asked)).fallback_reason == ""
    assert aimed(route(), Wishes()) == route()


@pytest.mark.parametrize("texture_format", FORMATS)
def test_formats_that_take_longer_are_foretold_so(texture_format, monkeypatch):
    monkeypatch.setattr("nightproof.pipelines.packing.coders.coder_named", lambda name: CODERS[name])
    told = Estimate(bytes_out=1, cpu_seconds=3.0, ssim=0.99, psnr_db=48.0)
    begun = route("packing")
    begun = replace(begun, alternatives=tuple(replace(each, estimate=told) for each in begun.alternatives))
    wishes = Wishes(texture_format=texture_format)
    longer = {
        texels: {each.pipeline: each.estimate.cpu_seconds for each in aimed(begun, wishes, texels).alternatives}
        for texels in (0.0, 4e6)
    }
    assert longer[0.0] == {"baking": 3.0, "packing": 3.0} and longer[4e6]["baking"] == 3.0
    assert longer[4e6]["packing"] > 3.0 + 4e6 / 1e6


def test_what_was_asked_travels_through_the_records_to_packing():
    wishes = Wishes(target_psnr_db=33, target_bytes=2_000_001, texture_format="avif")
    stored = aimed(route(), wishes).canonical_bytes()
    back = Route.from_json(parse_json(stored))
    assert back.canonical_bytes() == stored and back.parameters["outputs"] == "A"
    aim = aim_of(back.parameters)
    assert (aim.psnr_db, aim.most_bytes, aim.coder) == (33.0, 2_000_001, AVIF)


def test_another_aim_is_another_job_and_requests_come_back_from_their_bytes():
    requests = [Wishes(**asked).request("0" * 64) for asked in ({}, *AIMS, {"target_psnr_db": 33.0})]
    assert len({each.digest for each in requests}) == len(requests)
    for each in requests:
        assert Request.from_bytes(each.canonical_bytes()) == each
    assert Wishes(target_psnr_db=32).request("0" * 64).digest == requests[1].digest


@pytest.mark.parametrize("asked", AIMS)
def test_what_was_made_to_order_teaches_nothing_about_estimates(asked):
    made_to_order = Finished(None, None, aimed(route("packing"), Wishes(**asked)), None, None)  # type: ignore[arg-type]
    assert made_to_order.outcome() is None
    with pytest.raises(AttributeError):  # the usual one is looked at
        replace(made_to_order, route=route("packing")).outcome()
