"""Fill the templates. The bytes depend on the input alone: no clock, no random names, no network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from nightproof.records.route import Alternative, Route
from nightproof.report import charts, words
from nightproof.report.facts import ComparisonInput, ReportInput
from nightproof.report.pictures import INFERNO, MOST_VIEWS, embed

if TYPE_CHECKING:
    from jinja2 import Environment


def render_report(facts: ReportInput) -> str:
    """The whole job as one self-contained HTML page of at most about 4 MB."""
    charted = [] if facts.ahead is None or len(facts.ahead.start_utc) < 2 else ["cost", "carbon"]
    return _render(
        "report.html.j2",
        facts,
        headline=words.headline(facts),
        open_points=list(words.open_points(facts)),
        alternatives=sorted(facts.route.alternatives, key=lambda it: _standing(it, facts.route)),
        ahead=[(what, charts.ahead(facts.ahead, facts.plan, what, facts.zone)) for what in charted if facts.ahead],
    )


def _standing(alternative: Alternative, route: Route) -> tuple[bool, bool, bool]:
    """Sorts what was taken first, then what was wanted, then what could have been had."""
    return alternative.pipeline != route.pipeline, alternative.pipeline != route.wanted, not alternative.available


def render_comparison(facts: ComparisonInput) -> str:
    """Two files beside each other as one self-contained HTML page; nothing is certified."""
    return _render("comparison.html.j2", facts)


def _render(template: str, facts: ReportInput | ComparisonInput, **more: Any) -> str:
    views = list(zip(facts.views[:MOST_VIEWS], embed(facts.views), strict=True))
    measured = [(metric, charts.strip(metric), charts.bets(metric)) for metric in facts.metrics]
    pictured = {view.index for view in facts.views[:MOST_VIEWS]}
    total = max([len(facts.views), *(len(metric.values) for metric in facts.metrics if metric.counts == "view")])
    found = templates().get_template(template)
    return found.render(facts=facts, views=views, measured=measured, pictured=pictured, total=total, **more)


@cache
def templates() -> Environment:
    """The templates with their filters; whatever is filled in is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("nightproof.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = ("size", "money", "carbon", "seconds", "value", "threshold", "percent", "title", "meaning", "counted")
    found.filters.update({name: getattr(words, name) for name in filters})
    found.filters["local"] = charts.local
    found.globals.update(
        outcomes=words.OUTCOMES,
        marks=words.MARKS,
        change=words.change,
        betting=words.betting,
        ramp=",".join("#{:02x}{:02x}{:02x}".format(*stop) for stop in INFERNO),
    )
    return found
