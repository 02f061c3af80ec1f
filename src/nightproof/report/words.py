"""Numbers and verdicts in the words and units that people read."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes, decimal units."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def money(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 1 or usd == 0 else f"${usd:.3f}" if usd >= 0.01 else f"{usd * 100:.2f} ¢"


def carbon(kg: float) -> str:
    return f"{kg:.2f} kg" if kg >= 0.1 else f"{kg * 1000:.1f} g"


def seconds(value: float) -> str:
    if value < 90:
        return f"{value:.1f} s"
    minutes = round(value / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def value(number: float, metric: str = "") -> str:
    """A metric's value with the digits that matter."""
    if metric.upper() == "PSNR":
        return f"{number:.2f}"
    if metric.upper() == "VMAF":
        return f"{number:.1f}"
    return f"{number:.4f}"


def percent(share: float) -> str:
    return f"{share:.0%}" if abs(share) >= 0.1 or share == 0 else f"{share:.1%}"


OUTCOMES = {
    "holds": "Holds",
    "fails": "Fails",
    "undecided": "Undecided",
    "not_evaluated": "Not evaluated",
    None: "Measured",
}
