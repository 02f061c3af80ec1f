"""The scattering functions of the tracer in plain NumPy: what native/trace_bsdf.h must agree with.

Local frame: z is the normal on the viewer's side. `wi` points to the viewer, `wo` to the light. All functions take
arrays of directions and give f · |cos θo|. docs/reference/rendering.md has the formulas and their sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Array = np.ndarray

LEAST_ALPHA = 1e-3


@dataclass(frozen=True)
class Principled:
    """An opaque surface, or the boundary of a volume where `transmission` > 0."""

    base_color: tuple[float, float, float]
    roughness: float
    metallic: float = 0.0
    eta: float = 1.5
    transmission: float = 0.0

    @property
    def alpha(self) -> float:
        return max(self.roughness**2, LEAST_ALPHA)


def schlick_weight(cosine: Float[Array, "n"]) -> Float[Array, "n"]:
    return np.clip(1 - cosine, 0, 1) ** 5


def fresnel(cosine: Float[Array, "n"], eta: float) -> Float[Array, "n"]:
    """Unpolarised reflectance of a dielectric; `eta` is the far side's index over the near side's."""
    squared = 1 - (1 - cosine**2) / eta**2
    far = np.sqrt(np.maximum(squared, 0))
    s = (cosine - eta * far) / (cosine + eta * far)
    p = (far - eta * cosine) / (far + eta * cosine)
    return np.where(squared > 0, (s**2 + p**2) / 2, 1.0)


def ggx(m: Float[Array, "n 3"], alpha: float) -> Float[Array, "n"]:
    """Trowbridge and Reitz's distribution of microfacet normals."""
    return 1 / (np.pi * alpha**2 * ((m[:, 0] ** 2 + m[:, 1] ** 2) / alpha**2 + m[:, 2] ** 2) ** 2)


def smith(v: Float[Array, "n 3"], alpha: float) -> Float[Array, "n"]:
    """Shadowing of one direction; the separable form multiplies two of them."""
    tangent2 = (v[:, 0] ** 2 + v[:, 1] ** 2) / v[:, 2] ** 2
    return 2 / (1 + np.sqrt(1 + alpha**2 * tangent2))


def diffuse(surface: Principled, wi: Float[Array, "n 3"], wo: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """Disney's diffuse lobe with retro-reflection (Burley 2015, equation 4)."""
    m = _half(wi, wo, 1.0)
    at_viewer, at_light = schlick_weight(wi[:, 2]), schlick_weight(wo[:, 2])
    retro = 2 * surface.roughness * np.einsum("nk,nk->n", m, wo) ** 2
    shape = (1 - at_viewer / 2) * (1 - at_light / 2)
    shape = shape + retro * (at_viewer + at_light + at_viewer * at_light * (retro - 1))
    return np.asarray(surface.base_color) * (shape * wo[:, 2] / np.pi)[:, None]


def principled(
    surface: Principled, wi: Float[Array, "n 3"], wo: Float[Array, "n 3"], inside: bool = False
) -> Float[Array, "n 3"]:
    """f · |cos θo|; `inside`: the viewer stands within the volume."""
    color = np.asarray(surface.base_color)
    alpha, metallic = surface.alpha, surface.metallic
    volume = (1 - metallic) * surface.transmission
    eta = 1 / surface.eta if inside else surface.eta
    reflecting = wo[:, 2] > 0

    m = _half(wi, wo, 1.0)
    cosine = np.einsum("nk,nk->n", wi, m)
    f = fresnel(cosine, eta)[:, None]
    metal = color + (1 - color) * schlick_weight(cosine)[:, None]
    tint = volume * f * np.ones(3) if inside else (1 - metallic) * f + metallic * metal
    lobe = ggx(m, alpha) * smith(wi, alpha) * smith(wo, alpha) / (4 * wi[:, 2])
    reflected = tint * lobe[:, None]
    if not inside:
        reflected = reflected + (1 - metallic) * (1 - surface.transmission) * diffuse(surface, wi, wo)

    m = _half(wi, wo, eta)
    near, beyond = np.einsum("nk,nk->n", wi, m), np.einsum("nk,nk->n", wo, m)
    possible = (near > 0) & (beyond < 0)
    lobe = (1 - fresnel(np.abs(near), eta)) * ggx(m, alpha) * smith(wi, alpha) * smith(wo, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        lobe = lobe * np.abs(near * beyond) / (wi[:, 2] * (near + eta * beyond) ** 2)
    refracted = volume * np.sqrt(color) * np.where(possible, lobe, 0)[:, None]
    return np.where(reflecting[:, None], reflected, refracted)


def _half(wi: Float[Array, "n 3"], wo: Float[Array, "n 3"], eta: float) -> Float[Array, "n 3"]:
    m = wi + eta * wo
    m = m / np.linalg.norm(m, axis=1, keepdims=True)
    return m * np.where(m[:, 2:] < 0, -1, 1)
