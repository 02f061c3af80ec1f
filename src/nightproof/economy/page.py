"""The page that `nightproof plan` shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nightproof.economy.planner import spell
from nightproof.records.plan import Plan, Slot

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

TIMELINE_CELLS = 48
BESIDE_TIMELINE = 26
"""Columns for what stands left and right of the timeline."""
WIDE = 106
"""Columns that the table needs beside each other."""
INDENT = (0, 0, 0, 2)


def render_plan(console: Console, plan: Plan) -> None:
    """Headline, where and when, beside what the same work would cost at once; ends with what the plan rests on."""
    from rich.padding import Padding
    from rich.text import Text

    console.print()
    console.print(Padding(Text(_headline(plan), style="bold"), INDENT))
    console.print(Padding(_timeline(plan, min(TIMELINE_CELLS, max(console.width - BESIDE_TIMELINE, 8))), INDENT))
    console.print()
    console.print(_comparison(plan) if console.width >= WIDE else _stacked(plan))
    console.print()
    for line in _footnotes(plan):
        console.print(Padding(Text(line, style="dim"), INDENT))


def _headline(plan: Plan) -> str:
    first = plan.slots[0]
    begins = _instant(first.start_utc)
    wait_s = (begins - _instant(plan.made_utc)).total_seconds()
    when = "now" if wait_s < 60 else f"in {spell(wait_s)}"
    if plan.savings_fraction <= 0.005:
        return f"Start {when}: {_money(plan.cost_usd)}. Waiting would not make it cheaper."
    return f"Start {when} and pay {_money(plan.cost_usd)}: {plan.savings_fraction:.0%} less than {plan.baseline_name}."


def _timeline(plan: Plan, count: int) -> Text:
    """From now to the deadline, one cell per equal part; filled where work runs."""
    from rich.text import Text

    begin, end = _instant(plan.made_utc).timestamp(), _instant(plan.deadline_utc).timestamp()
    cells = [" "] * count
    for slot in plan.slots:
        start = _instant(slot.start_utc).timestamp()
        first = int((start - begin) / max(end - begin, 1) * count)
        last = int((start + slot.duration_s - begin - 1) / max(end - begin, 1) * count)
        for cell in range(first, min(last, count - 1) + 1):
            cells[cell] = "█"
    text = Text("now ")
    text.append("".join(cells).replace(" ", "·"), style="green")
    text.append(f" {plan.deadline_utc[5:16].replace('T', ' ')} UTC", style="dim")
    return text


def _comparison(plan: Plan) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=True, show_edge=False)
    table.add_column("")
    table.add_column("where")
    table.add_column("start (UTC)")
    for name in ("takes", "cost", "energy", "carbon"):
        table.add_column(name, justify="right")
    for number, slot in enumerate(plan.slots):
        table.add_row("planned" if number == 0 else "", *_cells(slot), style="bold green")
    if len(plan.slots) > 1:
        total = (_money(plan.cost_usd), _energy(plan.energy_kwh), _carbon(plan.carbon_kg))
        table.add_row("together", "", "", "", *total, style="bold green")
    table.add_row("baseline, at once", *_cells(plan.baseline))
    table.add_row("cheapest, at once", *_cells(plan.cheapest_now))
    return table


def _stacked(plan: Plan) -> Table:
    """The same for narrow terminals: place above time, no energy."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=True, show_edge=False, show_lines=False)
    table.add_column("")
    table.add_column("where and when (UTC)")
    for name in ("cost", "carbon"):
        table.add_column(name, justify="right", no_wrap=True)

    def add(label: str, slot: Slot, style: str = "") -> None:
        where, start, takes, cost, _, carbon = _cells(slot)
        table.add_row(label, f"{where}\n{start}, {takes}", cost, carbon, style=style)

    for number, slot in enumerate(plan.slots):
        add("planned" if number == 0 else "", slot, "bold green")
    if len(plan.slots) > 1:
        table.add_row("together", "", _money(plan.cost_usd), _carbon(plan.carbon_kg), style="bold green")
    add("baseline", plan.baseline)
    add("cheapest now", plan.cheapest_now)
    return table


def _cells(slot: Slot) -> tuple[str, ...]:
    place = "this machine" if slot.resource == "here" else f"{slot.resource.replace('_', ' ')}, {slot.region}"
    return (
        place + (" (spot)" if slot.spot else ""),
        slot.start_utc[5:16].replace("T", " "),
        spell(slot.duration_s),
        _money(slot.cost_usd),
        _energy(slot.energy_kwh),
        _carbon(slot.carbon_kg),
    )


def _footnotes(plan: Plan) -> list[str]:
    regret = "proven to be the best there is" if plan.regret_bound_usd < 1e-6 * max(plan.cost_usd, 1e-9) else ""
    regret = regret or f"at most {_money(plan.regret_bound_usd)} above the best there is"
    carbon = plan.baseline.carbon_kg - plan.carbon_kg
    lines = [
        f"Return on planning {plan.roi:.1f}× = (baseline − planned) / planned; this plan is {regret}.",
        f"Carbon {_carbon(abs(carbon))} {'less' if carbon >= 0 else 'more'} than the baseline.",
    ]
    if plan.carbon_usd_per_kg:
        lines.append(f"A kilogram of CO₂ counts ${plan.carbon_usd_per_kg:.2f} in the choice, and is in no bill above.")
    if any(slot.spot for slot in plan.slots):
        lines.append(
            "Spot: expected cost, interruptions included; ends early enough to start over on a reserved machine."
        )
    lines.append(f"{spell(plan.work_cpu_seconds)} of CPU work; prices {plan.prices[:12]}.")
    return lines


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _money(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.3f}" if usd >= 0.01 else f"${usd:.5f}"


def _energy(kwh: float) -> str:
    return f"{kwh:.2f} kWh" if kwh >= 0.1 else f"{kwh * 1000:.1f} Wh"


def _carbon(kg: float) -> str:
    return f"{kg:.2f} kg" if kg >= 0.1 else f"{kg * 1000:.1f} g"
