"""What a person sees on the terminal at the end of a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nightproof.optimizer.words import size

if TYPE_CHECKING:
    from nightproof.jobs.comparing import Comparison
    from nightproof.jobs.doctor import Finding
    from nightproof.jobs.outcome import JobOutcome, MetricResult
    from nightproof.records.plan import Plan

MARKS = {
    "holds": Text("holds", style="bold green"),
    "fails": Text("fails", style="bold red"),
    "undecided": Text("undecided", style="bold yellow"),
    "not_evaluated": Text("not evaluated", style="dim"),
}
NAMES = {"ssim": "SSIM", "psnr": "PSNR", "flip": "FLIP", "vmaf": "VMAF", "lpips": "LPIPS", "worst_tile": "worst tile"}


def duration_text(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def show_outcome(console: Console, outcome: JobOutcome) -> None:
    """The end of `nightproof optimize`."""
    console.print(
        Panel(
            Group(
                _headline(outcome),
                Text(),
                _facts(outcome),
                Text(),
                metrics_table(outcome.metrics),
                *_remarks(outcome.metrics),
            ),
            title=Text(f" {outcome.scene.name} ", style="bold"),
            title_align="left",
            border_style="green" if outcome.certified else "yellow",
            padding=(1, 2),
        )
    )
    width = max(map(len, outcome.files)) + 2
    for name, path in outcome.files.items():
        console.print(Text.assemble("  ", (f"{name:<{width}}", "dim"), str(path)), soft_wrap=True)
    main, certificate = outcome.files[outcome.asset.main.name], outcome.files["certificate.json"]
    console.print(Text(f"\n  Check it anywhere: nightproof verify {main} {certificate}", style="dim"), soft_wrap=True)


def _headline(outcome: JobOutcome) -> Text:
    if outcome.certified:
        return Text.assemble(
            ("Certified. ", "bold green"), f"{outcome.agreement:.0%} of the committee's weight agrees that it holds."
        )
    reason = {
        "fails": "The asset does not look enough like the original; the certificate says where.",
        "undecided": "The views allowed by the policy did not settle it; the certificate says what is open.",
        "holds": "The committee did not agree.",
    }[outcome.verdict.outcome]
    return Text.assemble(("Not certified. ", "bold yellow"), reason)


def _facts(outcome: JobOutcome) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    size_in, size_out = outcome.scene.source_bytes, outcome.asset.main.size_bytes
    grid.add_row("size", f"{size(size_in)} → {size(size_out)}  ({size_out / max(size_in, 1):.0%})")
    grid.add_row("pipeline", _pipeline_text(outcome))
    grid.add_row("took", f"{duration_text(outcome.seconds)}, {outcome.cpu_seconds:.0f} CPU-seconds")
    grid.add_row("cost", f"{_bill(outcome.cost_now_usd, outcome.carbon_now_kg)} now, on this machine")
    grid.add_row("best slot", _best_slot(outcome.hindsight))
    plan = outcome.hindsight
    if plan.savings_fraction > 0:
        grid.add_row("", f"{plan.savings_fraction:.0%} below {plan.baseline_name}")
    return grid


def _best_slot(plan: Plan) -> str:
    """Where and when the same work would have been best."""
    slot = plan.slots[0]
    waits = slot.start_utc[:16] > plan.made_utc[:16]
    when = f"at {slot.start_utc[5:16].replace('T', ' ')} UTC" if waits else "at once"
    if slot.resource == "here":
        where = "on this machine"
    else:
        where = f"on {slot.resource.replace('_', ' ')} in {slot.region}{', spot' if slot.spot else ''}"
    return f"{_bill(plan.cost_usd, plan.carbon_kg)} {when} {where}"


def _bill(usd: float, kg: float) -> str:
    return f"${usd:.4f} and {kg * 1000:.1f} g CO₂"


def _pipeline_text(outcome: JobOutcome) -> str:
    route = outcome.route
    if not route.fallback_reason:
        return f"{route.pipeline} (by {route.decided_by})"
    return f"{route.pipeline} instead of {route.wanted}: {route.fallback_reason}"


def metrics_table(metrics: Mapping[str, MetricResult]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("metric")
    for column in ("mean", "bound", "asked"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    table.add_column("views", justify="right")
    for name, result in metrics.items():
        table.add_row(
            NAMES.get(name, name),
            _number(result.mean),
            _number(result.bound),
            _number(result.threshold),
            _mark(result),
            str(result.views or ""),
        )
    return table


def _remarks(metrics: Mapping[str, MetricResult]) -> list[Text]:
    """Why something that was asked for was not measured."""
    missing = {name: it for name, it in metrics.items() if it.mean is None and it.note}
    named = {NAMES.get(name, name): it.note for name, it in missing.items()}
    lines = [Text(note if note.startswith(name) else f"{name}: {note}", style="dim") for name, note in named.items()]
    return [Text(), *lines] if lines else []


def _mark(result: MetricResult) -> Text:
    if result.mean is not None and result.outcome == "not_evaluated":
        return Text("reported", style="dim")
    return MARKS.get(result.outcome, Text(result.outcome))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if abs(value) >= 5 else f"{value:.4f}"


def show_comparison(console: Console, compared: Comparison) -> None:
    """The end of `nightproof compare`."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("metric")
    for column in ("mean", "worst view", "asked", "views"):
        table.add_column(column, justify="right")
    for name, found in compared.metrics.items():
        numbers = (_number(found.mean), _number(found.worst), _number(found.asked), str(found.views))
        table.add_row(NAMES.get(name, name), *numbers)
    console.print(table)
    console.print(Text("\n  Measured, not judged: a few views prove nothing.", style="dim"))
    console.print(Text(f"  {compared.page}", style="dim"), soft_wrap=True)


def show_findings(console: Console, findings: Sequence[Finding]) -> None:
    """What `nightproof doctor` found, and below it what to install for more."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for finding in findings:
        mark = Text("✓", style="bold green") if finding.ok else Text("–", style="bold yellow")
        table.add_row(mark, Text(finding.name, style="bold"), finding.found)
    console.print(table)
    advice = [finding for finding in findings if not finding.ok and finding.advice]
    if advice:
        console.print(Text("\nFor more:", style="bold"))
    for finding in advice:
        console.print(Text.assemble("  ", (finding.name, "bold"), f" — {finding.advice}"))
