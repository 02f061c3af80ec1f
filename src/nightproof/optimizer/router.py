"""Decide which pipeline a scene takes, and say why not the others.

The decision is a matrix over three scores, exact at its boundaries and the same for everyone:

    R1  baking > 0.7 and dynamic < 0.3      → baking
    R2  otherwise complexity > 0.8 or volumetrics → splatting
    R3  otherwise                           → hybrid

What happens around it:

    R4  A user's choice outranks the matrix, and even a pipeline's own "unsuitable": the reasons against are shown.
    R5  A pipeline that is not built, or that the matrix chose and that calls itself unsuitable, is replaced by the
        best one there is (`best_available`); the route says what was wanted and why it could not be had.
    R6  What was learnt from outcomes corrects estimates. It never changes what R1–R3 decide.

`Router` is the promise; a learned router can take this one's place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from nightproof.errors import NightproofError
from nightproof.optimizer.outcomes import Corrections
from nightproof.optimizer.reasons import reasons_for_and_against
from nightproof.records.analysis import Analysis, Scores
from nightproof.records.route import Alternative, Estimate, Route, Unsuitable

WEIGHED = ("baking", "splatting", "hybrid", "packing")
"""Every pipeline that a route may name, built or not."""

BAKING_ABOVE, DYNAMIC_BELOW, COMPLEXITY_ABOVE = 0.7, 0.3, 0.8
"""The matrix. Strict inequalities: a score on the boundary is not beyond it."""

BAKING_INSTEAD_ABOVE = 0.65
"""Baking score from which a still scene is rather baked than only packed, where its own pipeline is missing. Between
the lit static scenes of the calibration (0.65 and more) and objects under an assumed studio (0.6 and less)."""


class UnknownPipeline(NightproofError):
    """A pipeline was asked for that nobody has heard of."""

    hint = f"Choose one of: auto, {', '.join(WEIGHED)}."


class NoPipeline(NightproofError):
    """No pipeline is available at all."""

    hint = "Run `nightproof doctor` to see what is missing, or reinstall nightproof."


class Router(Protocol):
    """Whoever decides on a pipeline."""

    name: str

    def route(self, analysis: Analysis, estimates: Mapping[str, Estimate | Unsuitable], wanted: str = "auto") -> Route:
        """Choose among the pipelines in `estimates` (those that are built). Pure: the same arguments, the same route.

        Raises UnknownPipeline where `wanted` is neither `auto` nor a pipeline's name, NoPipeline where `estimates`
        is empty.
        """


def matrix(scores: Scores, volumetrics: bool) -> str:
    """Rules R1–R3."""
    if scores.baking > BAKING_ABOVE and scores.dynamic < DYNAMIC_BELOW:
        return "baking"
    if scores.complexity > COMPLEXITY_ABOVE or volumetrics:
        return "splatting"
    return "hybrid"


class OptimizationRouter:
    """The matrix, with fallbacks and reasons."""

    name = "matrix"

    def __init__(self, corrections: Corrections | None = None) -> None:
        """`corrections`: what earlier outcomes taught about the estimates; none by default."""
        self._corrections = corrections

    def route(self, analysis: Analysis, estimates: Mapping[str, Estimate | Unsuitable], wanted: str = "auto") -> Route:
        if wanted not in ("auto", *WEIGHED):
            raise UnknownPipeline(f"no pipeline is called {wanted[:40]!r}")
        if not estimates:
            raise NoPipeline("no pipeline is built here")
        by_user = wanted != "auto"
        asked = wanted if by_user else matrix(analysis.scores, analysis.volumetrics)
        estimates = self._corrected(analysis, estimates)
        chosen, fallback_reason = _chosen(asked, by_user, analysis, estimates)
        return Route(
            analysis=analysis.digest,
            pipeline=chosen,
            wanted=asked,
            fallback_reason=fallback_reason,
            decided_by="user" if by_user else self.name,
            scores=analysis.scores,
            alternatives=tuple(_weighed(name, analysis, estimates.get(name)) for name in _names(estimates)),
            parameters={},
        )

    def _corrected(
        self, analysis: Analysis, estimates: Mapping[str, Estimate | Unsuitable]
    ) -> Mapping[str, Estimate | Unsuitable]:
        if self._corrections is None:
            return estimates
        return {
            name: self._corrections.correct(name, analysis, told) if isinstance(told, Estimate) else told
            for name, told in estimates.items()
        }


def best_available(analysis: Analysis, estimates: Mapping[str, Estimate | Unsuitable], without: str) -> tuple[str, str]:
    """The pipeline to take when `without` cannot be had, and why that one."""
    suited = {name for name, told in estimates.items() if isinstance(told, Estimate) and name != without}
    scores = analysis.scores
    still = scores.dynamic < DYNAMIC_BELOW and scores.baking > BAKING_INSTEAD_ABOVE
    if "baking" in suited and still:
        return "baking", f"the scene is still and its light is known (baking {scores.baking:.2f})"
    if "packing" in suited:
        why = "packing keeps all that moves" if scores.dynamic >= DYNAMIC_BELOW else "packing keeps the scene as it is"
        return "packing", why
    rest = sorted(suited) or sorted(set(estimates) - {without}) or sorted(estimates)
    return rest[0], f"{rest[0]} is the only one left"


def _chosen(
    asked: str, by_user: bool, analysis: Analysis, estimates: Mapping[str, Estimate | Unsuitable]
) -> tuple[str, str]:
    told = estimates.get(asked)
    if told is None:
        instead, why = best_available(analysis, estimates, asked)
        return instead, f"{asked} is not built in this version; {why}."
    if isinstance(told, Unsuitable) and not by_user:
        instead, why = best_available(analysis, estimates, asked)
        if instead != asked:
            return instead, f"{asked} does not suit: {told.reason.rstrip('.')}; {why}."
    return asked, ""


def _weighed(name: str, analysis: Analysis, told: Estimate | Unsuitable | None) -> Alternative:
    pros, cons = reasons_for_and_against(name, analysis)
    if told is None:
        cons = (*cons, "It is not built in this version.")
    if isinstance(told, Unsuitable):
        cons = (_sentence(told.reason), *cons)
    return Alternative(
        pipeline=name,
        available=told is not None,
        reasons_for=pros,
        reasons_against=cons,
        estimate=told if isinstance(told, Estimate) else None,
    )


def _sentence(reason: str) -> str:
    """As pipelines give reasons, in mid-sentence, made to stand alone."""
    return f"{reason[:1].upper()}{reason[1:].rstrip('.')}."


def _names(estimates: Mapping[str, Estimate | Unsuitable]) -> tuple[str, ...]:
    return (*WEIGHED, *sorted(set(estimates) - set(WEIGHED)))
