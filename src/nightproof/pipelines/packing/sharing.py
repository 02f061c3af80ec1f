"""Who gives way where a picture lost too much: the fewest bytes more for the error less."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Int16

Array = np.ndarray
Key = TypeVar("Key", bound=Hashable)
STEPS, STEPS_EACH = 4096, 64
"""Of the error that is allowed, in all and for each that shares it: roundings take 1/64 of it at most."""


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
    """Minimises Σ bytes with Σ error · factor ≤ allowed, an option for each, by dynamic programming over the error.

    Where no options are enough, the least error. Lagrange's multiplier would not do: between two neighbouring
    solutions of its lies whatever a single leap of hundreds of kilobytes spans.
    """
    open_to = {
        key: sorted((o for o in claim.options if o.factor <= before[key].factor), key=lambda o: -o.factor)
        for key, claim in claims.items()
        if errors[key] > 0
    }
    steps = max(STEPS, STEPS_EACH * len(open_to))
    least_bytes, taken = np.zeros(steps + 1), list[Int16[Array, "n"]]()
    for key, options in open_to.items():
        reached, chosen = np.full(steps + 1, np.inf), np.zeros(steps + 1, np.int16)
        for number, option in enumerate(options):
            cost = _steps(errors[key] * option.factor, allowed, steps)
            with_it = np.full(steps + 1, np.inf)
            with_it[cost:] = least_bytes[: steps + 1 - cost] + option.bytes
            better = with_it < reached
            reached[better], chosen[better] = with_it[better], number
        least_bytes = reached
        taken.append(chosen)
    if not np.isfinite(least_bytes).any():
        return {**before, **{key: options[-1] for key, options in open_to.items()}}
    return {**before, **_traced(open_to, errors, taken, allowed, int(np.argmin(least_bytes)))}


def _steps(error: float, allowed: float, steps: int) -> int:
    """Rounded up; one more than there are where it is too much by itself."""
    return min(math.ceil(error / allowed * steps), steps + 1)


def _traced(
    open_to: Mapping[Key, list[Option]],
    errors: Mapping[Key, float],
    taken: list[Int16[Array, "n"]],
    allowed: float,
    left: int,
) -> dict[Key, Option]:
    """The options that lead to where `left` steps of error are used."""
    found = {}
    for (key, options), chosen in reversed(list(zip(open_to.items(), taken, strict=True))):
        found[key] = options[int(chosen[left])]
        left -= _steps(errors[key] * found[key].factor, allowed, len(chosen) - 1)
    return found
