"""Decide which verdict a committee stands behind, even if some of it lies.

More than 67 % of the weight must back a verdict. Two verdicts that both had it would share more than 34 % of the
weight; liars have less, and an honest member votes once: two different verdicts can never both be decided.

This module decides and does nothing else. Signatures are checked beforehand (`trust.keys`), processes are asked in
`trust.committee`, so every rule here can be tested without keys, clocks or processes. Rules of docs/spec/quorum.md:

    Q1  Only members of the committee count.
    Q2  Whoever votes for two verdicts, or commits twice, counts for neither.
    Q3  A verdict is decided once more than 67 % of the weight of all members backs it; silence backs nothing.
    Q4  No member has more than 30 % of the weight.
    Q5  A vote counts if its evidence was committed to before anything was revealed, and is what was committed to.
    Q6  A vote whose evidence deviates from the weighted median by more than the band does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

QUORUM = 0.67
WEIGHT_CAP = 0.30
BAND_FLOOR = 0.01
"""One per cent: what other builds of the same tools may differ by on the same images."""
BAND_LIMIT = 0.20


@dataclass(frozen=True, slots=True)
class Ballot:
    """A checked vote: who, for which verdict, on which evidence (digests)."""

    verifier: str
    verdict: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the ballots."""

    verdict: str | None
    """None: no verdict has a quorum."""
    agreement: float
    """Share of the weight behind the leading verdict."""
    leading: str | None
    backers: frozenset[str]
    flags: Mapping[str, tuple[str, ...]]


def capped_weights(raw: Mapping[str, float]) -> dict[str, float]:
    """Shares that sum to one, none above 30 % (Q4; above 1/n where fewer than four members make that impossible)."""
    cap = max(WEIGHT_CAP, 1 / len(raw)) if raw else 1.0
    shares = {name: max(weight, 1e-9) for name, weight in raw.items()}
    for _ in range(len(raw)):
        total = sum(shares.values())
        over = {name for name, share in shares.items() if share > cap * total * (1 + 1e-12)}
        if not over:
            break
        fixed = {name for name, share in shares.items() if share >= cap * total * (1 - 1e-12)}
        rest = sum(share for name, share in shares.items() if name not in fixed)
        if rest <= 0 or cap * len(fixed) >= 1:
            shares = dict.fromkeys(shares, 1.0)
            break
        for name in fixed:
            shares[name] = cap * rest / (1 - cap * len(fixed))
    total = sum(shares.values())
    return {name: share / total for name, share in sorted(shares.items())}


def decide(
    ballots: Iterable[Ballot],
    commitments: Iterable[tuple[str, str]],
    weights: Mapping[str, float],
    flagged: Mapping[str, str],
) -> Decision:
    """Apply Q1 to Q6.

    Args:
        commitments: (verifier, commitment to its evidence digest), in the order received, all before any reveal.
        weights: of all members, summing to one.
        flagged: members whose evidence deviates (Q6), and why.
    """
    votes: dict[str, set[Ballot]] = {}
    for ballot in ballots:
        votes.setdefault(ballot.verifier, set()).add(ballot)
    committed: dict[str, set[str]] = {}
    for verifier, commitment in commitments:
        committed.setdefault(verifier, set()).add(commitment)
    flags = {name: _faults(name, votes, committed, flagged) for name in weights}  # Q1: others are never looked at
    backing: dict[str, float] = {}
    for name, weight in weights.items():
        if not flags[name]:
            verdict = next(iter(votes[name])).verdict
            backing[verdict] = backing.get(verdict, 0.0) + weight
    leading = max(sorted(backing), key=lambda verdict: backing[verdict], default=None)
    agreement = backing[leading] if leading else 0.0
    backers = {n for n in weights if leading and not flags[n] and next(iter(votes[n])).verdict == leading}
    return Decision(leading if agreement > QUORUM else None, agreement, leading, frozenset(backers), flags)


def deviating(magnitudes: Mapping[str, float], weights: Mapping[str, float], noise: float) -> dict[str, str]:
    """Members whose error is further from the weighted median than the band (Q6), with the deviation in words.

    `noise` is the relative noise of one verifier's mean; three of its deviations are the band, between 1 % and 20 %.
    """
    if not magnitudes:
        return {}
    middle = weighted_median(magnitudes, weights)
    band = min(max(3 * noise, BAND_FLOOR), BAND_LIMIT)
    away = {name: abs(value - middle) / max(abs(middle), 1e-9) for name, value in magnitudes.items()}
    return {name: f"deviates by {100 * share:.0f} %" for name, share in away.items() if share > band}


def weighted_median(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The least value that has half of the weight at or below it."""
    ordered = sorted(values, key=lambda name: (values[name], name))
    half, below = sum(weights[name] for name in ordered) / 2, 0.0
    for name in ordered:
        below += weights[name]
        if below >= half * (1 - 1e-12):
            return values[name]
    return values[ordered[-1]]


def _faults(
    name: str, votes: Mapping[str, set[Ballot]], committed: Mapping[str, set[str]], flagged: Mapping[str, str]
) -> tuple[str, ...]:
    from nightproof.trust.consensus.commitment import commitment

    cast = votes.get(name, set())
    if not cast:
        return ("silent",)
    if len(cast) > 1 or len(committed.get(name, ())) > 1:
        return ("voted twice",)
    if committed.get(name) != {commitment(name, next(iter(cast)).evidence)}:
        return ("evidence is not what was committed to",)
    return (flagged[name],) if name in flagged else ()
