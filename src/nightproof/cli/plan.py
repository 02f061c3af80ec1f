"""nightproof plan: where and when the work would run."""

from __future__ import annotations

from nightproof.cli.ending import say_json
from nightproof.cli.options import (
    Deadline,
    EnvironmentName,
    Json,
    PipelineName,
    PolicyName,
    Prices,
    Region,
    SceneChoice,
    SceneFile,
    StoreFolder,
    Threads,
    store_folder,
    thread_count,
)


def plan(
    scene: SceneFile,
    deadline: Deadline = "24h",
    policy: PolicyName = "standard",
    pipeline: PipelineName = "auto",
    environment: EnvironmentName = "auto",
    choice: SceneChoice = None,
    region: Region = "eu-central",
    prices: Prices = None,
    store: StoreFolder = None,
    threads: Threads = 0,
    as_json: Json = False,
) -> None:
    """Show where and when the work would run, and its cost, energy and carbon. Nothing is run.

    Example: nightproof plan room.glb --deadline 24h
    """
    from nightproof.jobs.asking import Wishes, parse_deadline
    from nightproof.jobs.clock import now_utc
    from nightproof.jobs.opening import open_scene
    from nightproof.jobs.planning import plan_work
    from nightproof.jobs.routing import choose_route

    wishes = Wishes(
        policy=policy,
        pipeline=pipeline,
        environment=environment,
        scene=choice,
        deadline_h=parse_deadline(deadline),
        region=region,
        prices=prices,
    )
    opened = open_scene(scene, environment=environment, threads=thread_count(threads), scene=choice)
    route = choose_route(opened.source.record, opened.analysis, store_folder(store), pipeline)
    made = plan_work(route, wishes, now_utc(), thread_count(threads))
    if as_json:
        say_json(made.to_json())
        return
    from rich.console import Console

    from nightproof.economy.page import render_plan

    render_plan(Console(), made)
