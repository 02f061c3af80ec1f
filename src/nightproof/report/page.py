"""Fill the templates. The bytes depend on the input alone: no clock, no random names, no network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from nightproof.report import charts, words
from nightproof.report.facts import ComparisonInput, ReportInput
from nightproof.report.pictures import embed

if TYPE_CHECKING:
    from jinja2 import Environment


def render_report(facts: ReportInput) -> str:
    """The whole job as one self-contained HTML page of at most about 4 MB."""
    return _render("report.html.j2", facts, headline=_headline(facts), ahead=_ahead(facts))


def render_comparison(facts: ComparisonInput) -> str:
    """Two files beside each other as one self-contained HTML page; nothing is certified."""
    return _render("comparison.html.j2", facts)


def _render(template: str, facts: ReportInput | ComparisonInput, **more: Any) -> str:
    views = list(zip(facts.views, embed(facts.views), strict=False))
    strips = [(metric, charts.strip(metric)) for metric in facts.metrics]
    return _templates().get_template(template).render(facts=facts, views=views, strips=strips, **more)


def _ahead(facts: ReportInput) -> list[tuple[str, charts.Ahead]]:
    if facts.ahead is None or len(facts.ahead.start_utc) < 2:
        return []
    return [(what, charts.ahead(facts.ahead, facts.plan, what)) for what in ("cost", "carbon")]


def _headline(facts: ReportInput) -> str:
    if facts.certified and facts.outcome == "holds":
        return "Looks like the original, and certified."
    if facts.outcome == "holds":
        return "Looks like the original, but not certified."
    if facts.outcome == "fails":
        return "Does not look like the original closely enough."
    return "Not decided: the views did not suffice."


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("nightproof.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = ("size", "money", "carbon", "seconds", "value", "percent")
    found.filters.update({name: getattr(words, name) for name in filters})
    found.globals["outcomes"] = words.OUTCOMES
    return found
