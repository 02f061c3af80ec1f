"""What lies within or over a surface in plain NumPy: what native/trace_layers.h must agree with.

Grain, sheen, coat, film, a reflectance of its own, and light that a thin sheet passes diffusely. Local frame as in
`bsdf_reference`; x runs along the grain. Sources: the appendices of KHR_materials_anisotropy, _sheen, _clearcoat,
_iridescence, _specular and _diffuse_transmission; Estevez and Kulla, Production Friendly Microfacet Sheen BRDF, 2017.
Like the base, grain shadows separably, and the coat reflects by the exact Fresnel term.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nightproof.kernels.bsdf_reference import LEAST_ALPHA, Principled, diffuse, fresnel, schlick_weight
from nightproof.kernels.film_reference import thin_film

Array = np.ndarray

COAT_ETA = 1.5
LEAST_SHEEN_ROUGHNESS = 0.1
_FIBRES = np.array([[25.3245, 3.32435, 0.16801, -1.27393, -4.85967], [21.5473, 3.82987, 0.19823, -1.97760, -4.32054]])
"""Estevez and Kulla's fit of shadowing, for roughness 0 and 1."""


@dataclass(frozen=True)
class Layered:
    """What lies within or over an opaque `base`."""

    base: Principled
    grain: float = 0.0
    """Strength of the anisotropy."""
    sheen: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sheen_roughness: float = 0.5
    coat: float = 0.0
    coat_roughness: float = 0.0
    coat_normal: tuple[float, float, float] = (0.0, 0.0, 1.0)
    specular: float = 1.0
    specular_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    film: float = 0.0
    film_ior: float = 1.3
    film_nm: float = 400.0
    passing: float = 0.0
    """Share of the diffuse light that passes."""
    passing_color: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def sheen_alpha(self) -> float:
        return max(self.sheen_roughness, LEAST_SHEEN_ROUGHNESS) ** 2


def layered(surface: Layered, wi: Float[Array, "n 3"], wo: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """f · |cos θo|. Each layer has a horizon of its own: light may reach the coat and not the bumps below."""
    value = np.where(wo[:, 2:] > 0, _under_coat(surface, wi, _raised(wo)), _through(surface, wi, wo))
    if surface.coat > 0:
        normal = np.asarray(surface.coat_normal) / np.linalg.norm(surface.coat_normal)
        value = value * (1 - surface.coat * fresnel(np.clip(wi @ normal, 0, 1), COAT_ETA))[:, None]
        lobe = _ggx(wi, wo, normal, max(surface.coat_roughness**2, LEAST_ALPHA))
        value = value + (surface.coat * lobe)[:, None]
    return value


def _under_coat(surface: Layered, wi: Float[Array, "n 3"], wo: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    value = _grained(surface, wi, wo)
    if max(surface.sheen) > 0:
        albedo = sheen_albedo(np.concatenate([wi[:, 2], wo[:, 2]]), surface.sheen_alpha)
        below = 1 - np.clip(max(surface.sheen) * albedo, 0, 1)
        value = value * np.minimum(*np.split(below, 2))[:, None]
        value = value + np.asarray(surface.sheen) * (charlie(wi, wo, surface.sheen_alpha) * wo[:, 2])[:, None]
    return value


def _through(surface: Layered, wi: Float[Array, "n 3"], wo: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """A Lambertian lobe beyond the sheet, of what neither of its faces reflects: the same both ways."""
    ends = np.stack([wi[:, 2], np.abs(wo[:, 2])])
    reflected = np.stack([reflectances(surface, cosine)[0].max(axis=1) for cosine in ends])
    share = surface.passing * (1 - surface.base.metallic) * np.maximum(1 - reflected.max(axis=0), 0)
    if max(surface.sheen) > 0:
        albedo = sheen_albedo(ends.ravel(), surface.sheen_alpha)
        share = share * np.minimum(*np.split(1 - np.clip(max(surface.sheen) * albedo, 0, 1), 2))
    return np.asarray(surface.passing_color) * (share * ends[1] / np.pi)[:, None]


def reflectances(
    surface: Layered, cosine: Float[Array, "n"]
) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"], Float[Array, "n 1"]]:
    """What the surface itself reflects, as a dielectric and as a metal; and what of its diffuse light it leaves.

    KHR_materials_specular sets both ends of the curve, F0 = min(F0 · color, 1) · factor and F90 = factor; between them
    the exact term rises. Diffuse light keeps the share that (1 − reflected) has of (1 − exact term), at most all.
    """
    base, color = surface.base, np.asarray(surface.base.base_color)
    f = fresnel(cosine, base.eta)
    plain = ((base.eta - 1) / (base.eta + 1)) ** 2
    rise = np.clip((f - plain) / (1 - plain), 0, 1)[:, None]
    straight = np.minimum(plain * np.asarray(surface.specular_color), 1)
    dielectric = surface.specular * (straight + (1 - straight) * rise)
    metal = color + (1 - color) * schlick_weight(cosine)[:, None]
    if surface.film > 0 and surface.film_nm > 0:
        films = [thin_film(cosine, surface.film_ior, surface.film_nm, b) for b in (straight * surface.specular, color)]
        dielectric = dielectric + (films[0] - dielectric) * surface.film
        metal = metal + (films[1] - metal) * surface.film
    return dielectric, metal, np.clip((1 - dielectric.max(axis=1)) / np.maximum(1 - f, 1e-4), 0, 1)[:, None]


def _raised(wo: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """Above the horizon, where formulas hold."""
    return np.concatenate([wo[:, :2], np.abs(wo[:, 2:])], axis=1)


def charlie(wi: Float[Array, "n 3"], wo: Float[Array, "n 3"], alpha: float) -> Float[Array, "n"]:
    """Distribution of fibres times their visibility, over 4 cos cos."""
    m = wi + wo
    cosine = m[:, 2] / np.linalg.norm(m, axis=1)
    distribution = (2 + 1 / alpha) * np.maximum(1 - cosine**2, 0) ** (0.5 / alpha) / (2 * np.pi)
    near, far = np.abs(wi[:, 2]), np.abs(wo[:, 2])
    return distribution / ((1 + _shadowing(near, alpha) + _shadowing(far, alpha)) * 4 * near * far)


def sheen_albedo(cosine: Float[Array, "n"], alpha: float, steps: int = 128) -> Float[Array, "n"]:
    """What a white sheen reflects of light from everywhere, towards each cosine."""
    zenith = (np.arange(steps) + 0.5) * np.pi / 2 / steps
    azimuth = (np.arange(steps) + 0.5) * np.pi / steps
    theta, phi = (axis.ravel() for axis in np.meshgrid(zenith, azimuth))
    wo = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], 1)
    weight = np.cos(theta) * np.sin(theta) * (np.pi / 2 / steps) * (2 * np.pi / steps)
    # A smooth function of the cosine: a few of them and straight lines between are enough.
    knots = np.linspace(1e-3, 1, 65)
    wi = np.stack([np.sqrt(1 - knots**2), np.zeros_like(knots), knots], 1)
    sums = [charlie(np.broadcast_to(v, wo.shape), wo, alpha) @ weight for v in wi]
    return np.interp(np.clip(cosine, 0, 1), knots, sums)


def _shadowing(cosine: Float[Array, "n"], alpha: float) -> Float[Array, "n"]:
    a, b, c, d, e = (1 - alpha) ** 2 * _FIBRES[0] + (1 - (1 - alpha) ** 2) * _FIBRES[1]

    def fit(x: Float[Array, "n"]) -> Float[Array, "n"]:
        return np.asarray(a / (1 + b * x**c) + d * x + e)

    half = fit(np.array(0.5))
    return np.exp(np.where(cosine < 0.5, fit(cosine), 2 * half - fit(np.maximum(1 - cosine, 0))))


def _grained(surface: Layered, wi: Float[Array, "n 3"], wo: Float[Array, "n 3"]) -> Float[Array, "n 3"]:
    """The opaque lobe of `bsdf_reference`, with one alpha along the grain and one across."""
    base = surface.base
    across = base.alpha
    along = across + (1 - across) * surface.grain**2
    m = wi + wo
    m = m / np.linalg.norm(m, axis=1, keepdims=True)
    cosine = np.einsum("nk,nk->n", wi, m)
    normals = 1 / (np.pi * along * across * ((m[:, 0] / along) ** 2 + (m[:, 1] / across) ** 2 + m[:, 2] ** 2) ** 2)
    lobe = normals * _smith(wi, along, across) * _smith(wo, along, across) / (4 * wi[:, 2])
    dielectric, metal, kept = reflectances(surface, cosine)
    tint = (1 - base.metallic) * dielectric + base.metallic * metal
    return tint * lobe[:, None] + (1 - base.metallic) * (1 - surface.passing) * kept * diffuse(base, wi, wo)


def _ggx(
    wi: Float[Array, "n 3"], wo: Float[Array, "n 3"], normal: Float[Array, "3"], alpha: float
) -> Float[Array, "n"]:
    """The coat's own lobe round its own normal, with Fresnel, times its own cosine."""
    m = wi + wo
    m = m / np.linalg.norm(m, axis=1, keepdims=True)
    at_m, near, far = m @ normal, wi @ normal, wo @ normal
    normals = 1 / (np.pi * alpha**2 * (at_m**2 + (1 - at_m**2) / alpha**2) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        shadow = [2 / (1 + np.sqrt(1 + alpha**2 * (1 - v**2) / v**2)) for v in (near, far)]
        lobe = fresnel(np.einsum("nk,nk->n", wi, m), COAT_ETA) * normals * shadow[0] * shadow[1] / (4 * near)
    return np.where((near > 0) & (far > 0), lobe, 0)


def _smith(v: Float[Array, "n 3"], along: float, across: float) -> Float[Array, "n"]:
    slopes = ((along * v[:, 0]) ** 2 + (across * v[:, 1]) ** 2) / v[:, 2] ** 2
    return 2 / (1 + np.sqrt(1 + slopes))
