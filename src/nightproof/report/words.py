"""Numbers and verdicts in the words and units that people read."""

from __future__ import annotations

from collections.abc import Iterator

from nightproof.report.facts import MetricFacts, ReportInput

TITLES = {
    "ssim": "SSIM",
    "psnr": "PSNR",
    "flip": "FLIP",
    "vmaf": "VMAF",
    "lpips": "LPIPS",
    "worst_tile": "Worst tile",
}
MEANINGS = {
    "ssim": "Structure: edges and texture. 1 is identical.",
    "psnr": "Pixel by pixel, in decibels. 40 dB is hard to see.",
    "flip": "What an eye sees that flips between both. 0 is nothing.",
    "vmaf": "Quality in motion, along a camera path. 100 is perfect.",
    "lpips": "Distance as a trained network perceives it. 0 is none.",
    "worst_tile": "SSIM of the worst 64 × 64 pixels anywhere.",
}
OUTCOMES = {
    "holds": "Holds",
    "fails": "Fails",
    "undecided": "Undecided",
    "not_evaluated": "Not evaluated",
    None: "Measured",
}
MARKS = {"holds": "✓", "fails": "✕", "undecided": "?", "not_evaluated": "–", None: "•"}
KINDS = {"cost": "Cost", "carbon": "Carbon"}


def title(metric: str) -> str:
    return TITLES.get(metric.lower(), metric)


def meaning(metric: str) -> str:
    return MEANINGS.get(metric.lower(), "")


def size(count: float) -> str:
    """Bytes, decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def money(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"{usd * 100:.2g} ¢"


def carbon(kg: float) -> str:
    return f"{kg:.2f} kg" if kg >= 1 else f"{kg * 1000:.0f} g" if kg >= 0.1 else f"{kg * 1000:.1f} g"


def seconds(value: float) -> str:
    if value < 90:
        return f"{value:.1f} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def value(number: float, metric: str = "") -> str:
    """A metric's value with the digits that matter, and its unit."""
    if metric.lower() == "psnr":
        return f"{number:.1f} dB"
    if metric.lower() == "vmaf":
        return f"{number:.1f}"
    return f"{number:.4f}" if metric.lower() not in ("flip", "lpips") else f"{number:.3f}"


def threshold(number: float, metric: str) -> str:
    """A round number, without the zeros that suggest it was measured."""
    return f"{number:g} dB" if metric.lower() == "psnr" else f"{number:g}"


def percent(share: float) -> str:
    return f"{share:.0%}" if abs(share) >= 0.1 or share == 0 else f"{share:.1%}"


def change(before: float, after: float) -> str:
    """How much smaller or larger, e.g. `−83 %`."""
    if before <= 0:
        return "new" if after > 0 else "–"
    share = after / before - 1
    return f"{'−' if share < 0 else '+'}{abs(share):.0%}" if abs(share) >= 0.005 else "same"


def stake(log: float) -> str:
    """What a stake of 1 had become."""
    import math

    amount = math.exp(min(log, 20.0))
    if amount >= 1000:
        return "over 1000"
    return f"{amount:.0f}" if amount >= 10 else f"{amount:.1f}" if amount >= 0.1 else "next to nothing"


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def headline(facts: ReportInput) -> str:
    """The verdict in one breath; never more than it says."""
    if facts.outcome == "holds":
        return "Looks like the original. Certified." if facts.certified else "Looks like the original. Not certified."
    if facts.outcome == "fails":
        return "Does not look enough like the original."
    return "Not decided: the views did not settle it."


def open_points(facts: ReportInput) -> Iterator[str]:
    """For each claim that does not hold: by how much, in a sentence."""
    for metric in facts.metrics:
        if metric.outcome not in ("fails", "undecided") or metric.threshold is None or metric.mean is None:
            continue
        asked = f"{'at least' if metric.higher_is_better else 'at most'} {threshold(metric.threshold, metric.name)}"
        views = counted(len(metric.values), metric.counts)
        found = f"{title(metric.name)} is {value(metric.mean, metric.name)} on average over {views}; {asked} was asked"
        yield f"{found}." if metric.outcome == "fails" else f"{found}. {_short_of(metric)}"


def _short_of(metric: MetricFacts) -> str:
    if metric.bound is None:
        return "Nothing can be claimed."
    side = "at least" if metric.higher_is_better else "at most"
    return f"After these, {side} {value(metric.bound, metric.name)} is all that can be claimed."


def betting(metric: MetricFacts, decided_after: int | None) -> str:
    """How the claim came to be decided, in words."""
    bets = metric.betting
    if bets is None or not bets.holds:
        return ""
    side = "fails" if metric.outcome == "fails" else "holds"
    if decided_after is not None and metric.outcome in ("holds", "fails"):
        return (
            f"A stake of 1 on “{side}” passed {bets.needed:g} after {counted(decided_after, metric.counts)}: decided."
        )
    return (
        f"After {counted(len(bets.holds), metric.counts)} a stake of 1 on “holds” is worth {stake(bets.holds[-1])}, "
        f"one on “fails” {stake(bets.fails[-1])}; {bets.needed:g} would decide."
    )
