"""A made-up finished job for the tests of the report."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np

from nightproof.economy.ahead import cost_ahead
from nightproof.economy.planner import Job, plan_job
from nightproof.economy.prices import load_prices
from nightproof.records.analysis import Analysis, Scores
from nightproof.records.asset import Asset, AssetFile
from nightproof.records.route import Alternative, Route
from nightproof.records.scene import Scene
from nightproof.report import AuditFacts, Betting, Member, MetricFacts, ReportInput, SizePart, ViewImages

D = "ab" * 32
NOW = datetime(2026, 11, 23, 10, 7, tzinfo=UTC)


def view(name: str, seed: int, width: int = 640, height: int = 400) -> ViewImages:
    """A lit room of sorts, and a slightly softer copy of it."""
    y, x = np.mgrid[0:height, 0:width] / height
    turn = 0.35 * seed
    floor = 0.25 + 0.55 * np.clip(y - 0.55, 0, 1)
    lamp = np.exp(-(((x - 0.8 - 0.2 * math.sin(turn)) ** 2) + (y - 0.3) ** 2) * 9)
    ball = ((x - 0.5 - 0.1 * seed) ** 2 + (y - 0.66) ** 2) < 0.03
    tiles = ((np.floor(x * 8) + np.floor(y * 8)) % 2) * 0.06 * (y > 0.55)
    light = floor + tiles + 0.7 * lamp
    tint = np.stack([light * 1.0, light * 0.86, light * 0.72], axis=2)
    tint[ball] = tint[ball] * np.array([0.5, 0.75, 1.3])
    reference = np.round(255 * np.clip(tint, 0, 1)).astype(np.uint8)
    noise = np.random.default_rng(seed).normal(0, 2.0, reference.shape)
    asset = np.clip(reference + noise - 3 * lamp[..., None], 0, 255).astype(np.uint8)
    flip = np.abs(asset.astype(float) - reference).mean(axis=2) / 40
    return ViewImages(name, reference, asset, flip, {"ssim": 0.9876, "psnr": 36.42, "flip": 0.031}, seed, "the worst")


def finished_job(
    name: str = "reading-room.glb", hint: str = "Texture “floor” is 4096² and seen at 900² at most."
) -> ReportInput:
    random = np.random.default_rng(7)
    prices = load_prices()
    job = Job(route=D, work_cpu_seconds=16200.0)
    machine = prices.machine(2, 0.06)
    ssim = tuple((1 - random.gamma(3.0, 0.004, 72)).tolist())
    betting = Betting(tuple(0.05 * (i + 1) for i in range(72)), tuple(-0.1 * i for i in range(72)), 20.0)
    scores = Scores(baking=0.83, dynamic=0.08, complexity=0.41)
    return ReportInput(
        scene=Scene(
            name=name,
            source_sha256=D,
            source_bytes=18_400_000,
            format="glb",
            geometry=D,
            materials=D,
            lights=D,
            cameras=D,
            animation=D,
            triangles=184_000,
            bounds_min_m=(0, 0, 0),
            bounds_max_m=(6, 3, 5),
            extensions=(),
        ),
        analysis=Analysis(
            scene=D,
            features={},
            scores=scores,
            volumetrics=False,
            scene_class="interior",
            class_confidence=0.9,
            environment="none",
            unknown_materials=(),
            hints=(hint, "Two lamps lie outside the room and light nothing."),
        ),
        route=Route(
            analysis=D,
            pipeline="baking",
            wanted="hybrid",
            fallback_reason="hybrid is not built yet; baking is the best of those that are.",
            decided_by="matrix",
            scores=scores,
            parameters={},
            alternatives=(
                Alternative(
                    pipeline="baking",
                    available=True,
                    reasons_for=("Static light on 97 % of the surface.",),
                    reasons_against=("Mirrors will show the baked view only.",),
                    estimate=None,
                ),
                Alternative(
                    pipeline="hybrid",
                    available=False,
                    reasons_for=("Some leaves are thin.",),
                    reasons_against=(),
                    estimate=None,
                ),
                Alternative(
                    pipeline="packing",
                    available=True,
                    reasons_for=("Keeps every material.",),
                    reasons_against=("A viewer cannot trace light.",),
                    estimate=None,
                ),
            ),
        ),
        asset=Asset(
            route=D,
            files=(AssetFile("asset.glb", D, 5_120_000),),
            pipeline="baking",
            pipeline_version="1",
            seed=0,
            shading="unlit",
            exposure=1.31,
            environment="none",
            notes=(),
            work={},
        ),
        outcome="holds",
        certified=True,
        policy="standard",
        views=tuple(view(f"view {i + 1}", i) for i in range(5)),
        metrics=(
            MetricFacts(
                name="ssim",
                values=ssim,
                threshold=0.98,
                higher_is_better=True,
                outcome="holds",
                mean=float(np.mean(ssim)),
                bound=0.9821,
                error_rate=0.05,
                betting=betting,
            ),
            MetricFacts(
                name="psnr",
                values=tuple(random.normal(37, 1.1, 72).tolist()),
                threshold=35.0,
                higher_is_better=True,
                outcome="holds",
                mean=37.0,
                bound=36.6,
            ),
            MetricFacts(
                name="flip",
                values=tuple(random.gamma(6, 0.006, 40).tolist()),
                threshold=0.08,
                higher_is_better=False,
                outcome="holds",
                mean=0.036,
                bound=0.045,
            ),
            MetricFacts(
                name="vmaf",
                values=(97.0, 91.5, 88.0),
                threshold=90.0,
                higher_is_better=True,
                outcome="undecided",
                mean=92.2,
                bound=71.0,
                error_rate=0.1,
                betting=Betting((0.3, 0.4, 0.2), (-0.4, -0.2, -0.1), 10.0),
                counts="path segment",
            ),
            MetricFacts(
                name="lpips",
                values=(),
                threshold=0.05,
                higher_is_better=False,
                outcome="not_evaluated",
                note="The weights file was not given.",
            ),
        ),
        zone="Europe/Berlin",
        sizes=(SizePart("geometry", 6_200_000, 1_100_000), SizePart("textures", 12_150_000, 4_000_000)),
        plan=plan_job(job, now_utc=NOW, deadline_utc=NOW + timedelta(hours=24), prices=prices, machine=machine),
        ahead=cost_ahead(job, now_utc=NOW, prices=prices, machine=machine),
        audit=AuditFacts(
            outcome="holds",
            auditor="Mitsuba 3.9.1 (llvm_ad_rgb)",
            views=3,
            mean_difference=0.0021,
            mean_error=0.0008,
            ssim=0.9953,
            tolerance="1.0% of the mean, beyond noise",
        ),
        committee=tuple(Member(key_id=f"{i}f" * 32, weight=0.25, vote="holds", views=72) for i in range(4)),
        agreement=1.0,
        shared="All four ran on one machine and shared cached reference images.",
        certificate_sha256="cd" * 32,
        worst_tile_ssim=0.941,
        reference_self_ssim=0.9961,
        notices=("LPIPS was not evaluated: its weights were not given.",),
        work_cpu_seconds={"making the asset": 212.0, "measuring, verifier 1": 340.5},
        cpu_seconds=1022.0,
        software={"nightproof": "0.1.0", "embree": "4.4"},
        chain=(("scene", D), ("certificate", "cd" * 32)),
    )
