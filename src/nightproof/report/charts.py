"""The report's charts, as plain geometry; the template draws them as SVG and gives them their colours.

Every x is a percentage of the width, so that a chart fits a phone and a desk with text of one size; every y is a pixel.
Curves live in a nested box of 1000 × 100 that is stretched to the plot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from nightproof.records.plan import CostAhead, Plan
from nightproof.report import words
from nightproof.report.facts import MetricFacts

STRIP_MIDDLE, STRIP_REACH = 70, 26
"""Where dots lie, and how far they may be pushed up or down."""
DOT_PX = 4.0
NOMINAL_WIDTH_PX = 460
"""For which dots are kept from hiding each other."""
MARGIN = 0.05
STEPS = (1, 2, 2.5, 5, 10)
CROWDED, LABEL_PX = 30, 26
"""Per cent of the width, and pixels, within which the labels of now and of the plan would touch."""
LEAST_SLOT = 0.5
"""Per cent of the width: narrower ones would not be seen."""


@dataclass(frozen=True)
class Mark:
    """A place on an axis with what is written there, and on which side of it there is room."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True)
class Dot:
    """One view."""

    x: float
    y: float
    view: int
    """From 0."""
    label: str


@dataclass(frozen=True)
class Strip:
    """Every view's value as a dot; the claim, the bound and the mean as marks."""

    dots: tuple[Dot, ...]
    threshold: Mark | None
    bound: Mark | None
    mean: Mark | None
    good: tuple[float, float] | None
    """From and width of the side that holds."""
    ticks: tuple[Mark, ...]


def strip(metric: MetricFacts) -> Strip:
    """Lay one metric out."""
    marks = [x for x in (*metric.values, metric.threshold, metric.bound, metric.mean) if x is not None]
    low, high = (min(marks), max(marks)) if marks else (0.0, 1.0)
    margin = (high - low) * MARGIN or max(abs(high) * 0.01, 1e-3)
    low, high = low - margin, high + margin

    def x(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    def mark(value: float | None, words_before: str, spell: Callable[[float, str], str]) -> Mark | None:
        return value if value is None else Mark(x(value), f"{words_before} {spell(value, name)}", _anchor(x(value)))

    name, relation = metric.name, ("≥" if metric.higher_is_better else "≤")
    good = None
    if metric.threshold is not None:
        edge = x(metric.threshold)
        good = (edge, round(100 - edge, 2)) if metric.higher_is_better else (0.0, edge)
    places = [x(value) for value in metric.values]
    return Strip(
        dots=tuple(
            Dot(place, y, index, f"{metric.counts} {index + 1}: {words.value(value, name)}")
            for index, (place, y, value) in enumerate(zip(places, _spread(places), metric.values, strict=True))
        ),
        threshold=mark(metric.threshold, f"asked {relation}", words.threshold),
        bound=mark(metric.bound, f"claimed {relation}", words.value),
        mean=mark(metric.mean, "mean", words.value),
        good=good,
        ticks=tuple(
            Mark(x(value), f"{value:g}", "start" if x(value) < 6 else "end" if x(value) > 94 else "middle")
            for value in _round_numbers(low, high, 4)
        ),
    )


def _spread(places: Sequence[float]) -> list[float]:
    """Push dots off each other, each as little as it takes; where they are too many, they overlap."""
    least = 2 * DOT_PX * 100 / NOMINAL_WIDTH_PX
    taken: list[tuple[float, float]] = []
    heights = [0.0] * len(places)
    for index in sorted(range(len(places)), key=lambda i: (places[i], i)):
        near = [(px, py) for px, py in taken if places[index] - px < least]
        free = (y for y in _offsets() if all(_apart(places[index] - px, y - py) for px, py in near))
        heights[index] = next(free, (index * 37 % 11 - 5) * STRIP_REACH / 5)
        taken.append((places[index], heights[index]))
    return [round(STRIP_MIDDLE + y, 1) for y in heights]


def _offsets() -> Iterator[float]:
    yield 0.0
    for step in range(1, int(STRIP_REACH / 2) + 1):
        yield from (-2.0 * step, 2.0 * step)


def _apart(dx_percent: float, dy_px: float) -> bool:
    return math.hypot(dx_percent * NOMINAL_WIDTH_PX / 100, dy_px) >= 2 * DOT_PX - 0.5


def _anchor(x: float) -> str:
    return "start" if x < 55 else "end"


def _round_numbers(low: float, high: float, count: int) -> list[float]:
    """Multiples of a round step between `low` and `high`."""
    rough = (high - low) / count
    scale = 10 ** math.floor(math.log10(rough))
    step = next(scale * s for s in STEPS if scale * s >= rough)
    return [round(k * step, 10) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


@dataclass(frozen=True)
class Bets:
    """Two stakes of 1 as views come in, on a logarithmic scale, in a box of 1000 × 100."""

    holds: str
    fails: str
    goal_y: float
    start_y: float
    needed: str
    decided: tuple[float, float] | None
    """Per cent of width and of height."""
    decided_after: int | None
    count: int


def bets(metric: MetricFacts) -> Bets | None:
    """Lay the betting on one claim out; None where there was none."""
    betting = metric.betting
    if betting is None or not betting.holds:
        return None
    goal = math.log(betting.needed)
    top, bottom = 1.25 * goal, -0.75 * goal
    count = len(betting.holds)

    def y(log: float) -> float:
        return round(100 * (top - min(max(log, bottom), top)) / (top - bottom), 1)

    def line(logs: Sequence[float]) -> str:
        return " ".join(f"{1000 * i / count:.1f},{y(log)}" for i, log in enumerate((0.0, *logs)))

    logs = betting.fails if metric.outcome == "fails" else betting.holds
    after = next((i + 1 for i, log in enumerate(logs) if log >= goal), None)
    if metric.outcome not in ("holds", "fails"):
        after = None
    return Bets(
        holds=line(betting.holds),
        fails=line(betting.fails),
        goal_y=y(goal),
        start_y=y(0.0),
        needed=f"{betting.needed:g}",
        decided=None if after is None else (round(100 * after / count, 2), y(logs[after - 1])),
        decided_after=after,
        count=count,
    )


AHEAD_TOP, AHEAD_BOTTOM = 18, 190
"""Of the plot, pixels."""


@dataclass(frozen=True)
class Ahead:
    """Two curves over the hours at which work may start, with days, nights, the planned slots and now."""

    baseline: str
    cheapest: str
    """Points in a box of 1000 × 100."""
    ticks: tuple[tuple[float, str], ...]
    """Height in pixels and label."""
    days: tuple[Mark, ...]
    """Local midnights."""
    nights: tuple[tuple[float, float], ...]
    """Local 21 to 6 o'clock, from and width."""
    slots: tuple[tuple[float, float], ...]
    planned: Mark | None
    planned_y: float
    planned_text_y: float
    now_y: float
    now_text_y: float
    now_label: str


def ahead(series: CostAhead, plan: Plan | None, what: str, zone: str) -> Ahead:
    """Lay `cost` or `carbon` out on the clock of `zone`."""
    usual, best = (
        (series.baseline_usd, series.cheapest_usd)
        if what == "cost"
        else (series.baseline_carbon_kg, series.cheapest_carbon_kg)
    )
    times = [_moment(text).timestamp() for text in series.start_utc]
    total = None if plan is None else (plan.cost_usd if what == "cost" else plan.carbon_kg)
    top = max([*usual, *best, total or 0.0]) * 1.08 or 1.0
    first, span = times[0], max(times[-1] - times[0], 1)

    def x(second: float) -> float:
        return round(100 * min(max((second - first) / span, 0), 1), 2)

    def y(amount: float) -> float:
        return round(AHEAD_BOTTOM - amount / top * (AHEAD_BOTTOM - AHEAD_TOP), 1)

    def line(amounts: Sequence[float]) -> str:
        return " ".join(f"{10 * x(t):.1f},{100 * (1 - v / top):.2f}" for t, v in zip(times, amounts, strict=True))

    begins = [] if plan is None else [(_moment(slot.start_utc).timestamp(), slot.duration_s) for slot in plan.slots]
    shown = [(x(at), max(round(x(at + length) - x(at), 2), LEAST_SLOT)) for at, length in begins if at <= times[-1]]
    written = words.money if what == "cost" else words.carbon
    planned = None
    if shown and total is not None:
        planned = Mark(shown[0][0], f"planned {written(total)}", "start" if shown[0][0] < 70 else "end")
    # Two labels at one place: the upper goes above its dot, the lower beneath.
    crowded = planned is not None and planned.x < CROWDED and abs(y(total or 0.0) - y(usual[0])) < LABEL_PX
    dearer = (total or 0.0) > usual[0]
    return Ahead(
        baseline=line(usual),
        cheapest=line(best),
        ticks=tuple((y(amount), written(amount)) for amount in _round_numbers(0, top, 3) if amount > 0),
        days=tuple(Mark(x(t), label, "start") for t, label in _midnights(first, times[-1], zone)),
        nights=tuple((x(a), round(x(b) - x(a), 2)) for a, b in _nights(first, times[-1], zone)),
        slots=tuple(shown),
        planned=planned,
        planned_y=y(total or 0.0),
        planned_text_y=y(total or 0.0) + (-11 if not crowded or dearer else 20),
        now_y=y(usual[0]),
        now_text_y=max(y(usual[0]) + (20 if crowded and dearer else -9), 14),
        now_label=f"now {written(usual[0])}",
    )


def _midnights(first: float, last: float, zone: str) -> Iterator[tuple[float, str]]:
    for day in _days(first, last, zone):
        if first < day.timestamp() < last - (last - first) * 0.18:
            yield day.timestamp(), f"{day:%a} {day.day} {day:%b}"


def _nights(first: float, last: float, zone: str) -> Iterator[tuple[float, float]]:
    for day in _days(first, last, zone):
        begin, end = day.replace(hour=21).timestamp(), (day + timedelta(days=1)).replace(hour=6).timestamp()
        if end > first and begin < last:
            yield begin, end


def _days(first: float, last: float, zone: str) -> Iterator[datetime]:
    """Local midnights from the day before `first` to `last`."""
    clock = ZoneInfo(zone)
    day = datetime.fromtimestamp(first, clock).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    while day.timestamp() < last:
        yield day
        day += timedelta(days=1)


def local(text: str, zone: str) -> str:
    """A record's instant on the clock of `zone`: `Tue 24 Nov, 03:00`."""
    at = _moment(text).astimezone(ZoneInfo(zone))
    return f"{at:%a} {at.day} {at:%b}, {at:%H:%M}"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
