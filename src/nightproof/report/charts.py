"""The report's charts, as plain geometry; the template draws them as SVG and gives them their colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nightproof.records.plan import CostAhead, Plan
from nightproof.report.facts import MetricFacts

STRIP = (640, 96)
AHEAD = (960, 240)
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 26


@dataclass(frozen=True)
class Strip:
    """Every view's value as a dot, the claim and the bound as lines, the running bound below."""

    dots: tuple[tuple[float, float], ...]
    threshold_x: float | None
    bound_x: float | None
    mean_x: float | None
    good_x: tuple[float, float] | None
    """From and width of the side that holds."""
    low: float
    high: float
    running: str
    """Points of a polyline in a box of 640 × 64."""
    running_threshold_y: float | None


def strip(metric: MetricFacts) -> Strip:
    """Lay one metric out on 640 × 96."""
    width = STRIP[0]
    marks = [x for x in (*metric.values, metric.threshold, metric.bound, metric.mean) if x is not None]
    low, high = (min(marks), max(marks)) if marks else (0.0, 1.0)
    margin = (high - low) * 0.06 or 0.01
    low, high = low - margin, high + margin

    def x(value: float) -> float:
        return round(12 + (value - low) / (high - low) * (width - 24), 2)

    threshold_x = None if metric.threshold is None else x(metric.threshold)
    good = None
    if threshold_x is not None:
        good = (threshold_x, width - threshold_x) if metric.higher_is_better else (0.0, threshold_x)
    running, level = _running(metric)
    return Strip(
        dots=tuple((x(value), 30.0 + (i * 37 % 11 - 5) * 2.4) for i, value in enumerate(metric.values)),
        threshold_x=threshold_x,
        bound_x=None if metric.bound is None else x(metric.bound),
        mean_x=None if metric.mean is None else x(metric.mean),
        good_x=good,
        low=low,
        high=high,
        running=running,
        running_threshold_y=level,
    )


def _running(metric: MetricFacts) -> tuple[str, float | None]:
    if len(metric.running) < 2:
        return "", None
    marks = [*metric.running, *([] if metric.threshold is None else [metric.threshold])]
    low, high = min(marks), max(marks)
    span = (high - low) or 1.0

    def y(value: float) -> float:
        return round(58 - (value - low) / span * 52, 2)

    last = len(metric.running) - 1
    points = " ".join(f"{round(12 + i / last * 616, 2)},{y(value)}" for i, value in enumerate(metric.running))
    return points, None if metric.threshold is None else y(metric.threshold)


@dataclass(frozen=True)
class Ahead:
    """A start-time axis with two curves, day marks and the planned slots."""

    baseline: str
    cheapest: str
    ticks: tuple[tuple[float, str], ...]
    """Height and label."""
    days: tuple[tuple[float, str], ...]
    slots: tuple[tuple[float, float], ...]
    """From and width."""
    planned: tuple[float, float] | None
    now: tuple[float, float]


def ahead(series: CostAhead, plan: Plan | None, what: str) -> Ahead:
    """Lay `cost` or `carbon` out on 960 × 240."""
    usual, best = (
        (series.baseline_usd, series.cheapest_usd)
        if what == "cost"
        else (series.baseline_carbon_kg, series.cheapest_carbon_kg)
    )
    times = [_seconds(text) for text in series.start_utc]
    planned = None if plan is None else (plan.cost_usd if what == "cost" else plan.carbon_kg)
    top = max([*usual, *best, planned or 0.0]) * 1.06 or 1.0
    width, height = AHEAD
    span = max(times[-1] - times[0], 1)

    def x(second: float) -> float:
        return round(LEFT + min(max((second - times[0]) / span, 0), 1) * (width - LEFT - RIGHT), 2)

    def y(value: float) -> float:
        return round(height - BOTTOM - value / top * (height - TOP - BOTTOM), 2)

    slots = [] if plan is None else [(_seconds(slot.start_utc), slot.duration_s) for slot in plan.slots]
    shown = [(x(start), max(x(start + length) - x(start), 3.0)) for start, length in slots if start <= times[-1]]
    return Ahead(
        baseline=_stairs([x(t) for t in times], [y(v) for v in usual]),
        cheapest=_stairs([x(t) for t in times], [y(v) for v in best]),
        ticks=tuple((y(top * share), _label(top * share, what)) for share in (0.0, 0.25, 0.5, 0.75)),
        days=tuple((x(t), f"{datetime.fromtimestamp(t, UTC):%a %d %b}") for t in times if t % 86400 == 0),
        slots=tuple(shown),
        planned=(shown[0][0], y(planned)) if shown and planned is not None else None,
        now=(x(times[0]), y(usual[0])),
    )


def _stairs(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{x} {y}" for x, y in zip(xs, ys, strict=True))


def _label(value: float, what: str) -> str:
    if what == "cost":
        return f"${value:.2f}" if value >= 0.1 or value == 0 else f"{value * 100:.2g} ¢"
    return f"{value:.2f} kg" if value >= 0.1 else f"{value * 1000:.3g} g"


def _seconds(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
