"""Who gives way where a picture lost too much: the fewest bytes more for the error less, by Lagrange's multiplier."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
HALVINGS = 60


@dataclass(frozen=True)
class Claim:
    """Something lossy: what it takes, and what it costs the eye."""

    bytes: float
    power: float
    """Bytes grow as error^−power."""
    errors: Mapping[int, float]
    """View → the squared error that it is to blame for."""
    least: float
    """The smallest factor of its error that the power is trusted for."""


def shares(claims: Mapping[Key, Claim], allowed: float) -> dict[Key, float]:
    """By what each one's error is to be multiplied, at most 1, so that no view's sum is beyond `allowed`.

    Of one view the cheapest such factors; views are taken one by one, and who gave way for one gives way for all.
    """
    factors = dict.fromkeys(claims, 1.0)
    views = sorted({view for claim in claims.values() for view in claim.errors})
    totals = {view: sum(claim.errors.get(view, 0.0) for claim in claims.values()) for view in views}
    for view in sorted(views, key=lambda view: -totals[view]):
        errors = {key: claim.errors.get(view, 0.0) * factors[key] for key, claim in claims.items()}
        if sum(errors.values()) > allowed:
            for key, factor in _of_one_view(claims, errors, allowed).items():
                factors[key] = max(claims[key].least, factors[key] * factor)
    return factors


def _of_one_view(claims: Mapping[Key, Claim], errors: Mapping[Key, float], allowed: float) -> dict[Key, float]:
    """Minimises Σ bytes · f^−power with Σ error · f = allowed and f ≤ 1: f^(1+power) = bytes · power / (λ · error)."""

    def at(multiplier: float) -> dict[Key, float]:
        return {
            key: min(1.0, (claim.bytes * claim.power / (multiplier * errors[key])) ** (1 / (1 + claim.power)))
            for key, claim in claims.items()
            if errors[key] > 0
        }

    low, high = 1e-12, 1e24
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        if sum(errors[key] * factor for key, factor in at(middle).items()) > allowed:
            low = middle
        else:
            high = middle
    return at(high)
