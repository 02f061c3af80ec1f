"""Who gives way where a picture lost too much: the fewest bytes more for the error less, by Lagrange's multiplier."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
HALVINGS = 60
TRIFLE = 0.002
"""Of all bytes: so few are not taken back."""


@dataclass(frozen=True)
class Option:
    """One way of coding something."""

    factor: float
    """What part of its present error is left, above 0."""
    bytes: float


@dataclass(frozen=True)
class Claim:
    """Something lossy: what it may become, and what it costs the eye."""

    options: tuple[Option, ...]
    """What it is now, of factor 1, first."""
    errors: Mapping[int, float]
    """View → the squared error that it is to blame for."""


def shares(claims: Mapping[Key, Claim], allowed: float) -> dict[Key, float]:
    """By what each one's error is to be multiplied, at most 1, so that no view's sum is beyond `allowed` where any
    options are enough.

    Of one view the cheapest such factors, nearly; views are taken one by one, and who gave way for one gives way for
    all.
    """
    chosen = {key: claim.options[0] for key, claim in claims.items()}
    views = sorted({view for claim in claims.values() for view in claim.errors})
    totals = {view: sum(claim.errors.get(view, 0.0) for claim in claims.values()) for view in views}
    for view in sorted(views, key=lambda view: -totals[view]):
        errors = {key: claim.errors.get(view, 0.0) for key, claim in claims.items()}
        if _left(errors, chosen) > allowed:
            chosen = _of_one_view(claims, errors, chosen, allowed)
    return {key: option.factor for key, option in chosen.items()}


def _left(errors: Mapping[Key, float], chosen: Mapping[Key, Option]) -> float:
    return sum(error * chosen[key].factor for key, error in errors.items())


def _of_one_view(
    claims: Mapping[Key, Claim], errors: Mapping[Key, float], before: Mapping[Key, Option], allowed: float
) -> dict[Key, Option]:
    """Minimises Σ bytes with Σ error · factor ≤ allowed: each takes the least of bytes + λ · error · factor."""
    open_to = {key: [o for o in claim.options if o.factor <= before[key].factor] for key, claim in claims.items()}

    def at(multiplier: float) -> dict[Key, Option]:
        return {
            key: min(options, key=lambda option: option.bytes + multiplier * errors[key] * option.factor)
            if errors[key] > 0
            else before[key]
            for key, options in open_to.items()
        }

    low, high = 1e-12, 1e24
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        if _left(errors, at(middle)) > allowed:
            low = middle
        else:
            high = middle
    return _relaxed(open_to, errors, at(high), allowed)


def _relaxed(
    open_to: Mapping[Key, list[Option]], errors: Mapping[Key, float], chosen: dict[Key, Option], allowed: float
) -> dict[Key, Option]:
    """Options are steps: whoever gave way further than was needed in the end takes back what is left, the dearest
    first."""
    total = sum(option.bytes for option in chosen.values())
    for key in sorted(chosen, key=lambda key: -chosen[key].bytes):
        spare = allowed - _left(errors, chosen) + errors[key] * chosen[key].factor
        enough = [option for option in open_to[key] if errors[key] * option.factor <= spare]
        fewest = min(enough, key=lambda option: option.bytes, default=chosen[key])
        if chosen[key].bytes - fewest.bytes > TRIFLE * total:
            chosen = {**chosen, key: fewest}
    return chosen
