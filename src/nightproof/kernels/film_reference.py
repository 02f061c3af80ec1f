"""A thin film over a surface in plain NumPy: what native/trace_film.h must agree with.

KHR_materials_iridescence after Belcour and Barla, A Practical Extension to Microfacet Theory for the Modeling of
Varying Iridescence, 2017, in the extension's three-channel form. Approximate: the eye's sensitivities are four
Gaussians; two orders of interference are summed; both polarisations share one phase; the boundary below the film
follows Schlick's curve, from the index of refraction that its reflectance stands for. Its upper boundary is exact.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from nightproof.kernels.bsdf_reference import fresnel, schlick_weight

Array = np.ndarray

LEAST_NM = 0.03
"""Below, the film fades out."""
NORMALISATION = 1.0685e-7
GAUSSIANS = np.array([
    (0, 5.4856e-13, 1.6810e6, 4.3278e9),
    (0, 9.7470e-14, 2.2399e6, 4.5282e9),
    (1, 4.4201e-13, 1.7953e6, 9.3046e9),
    (2, 5.2481e-13, 2.2084e6, 6.6121e9),
])  # fmt: skip
"""Of the sensitivities over inverse wavelength: which of X, Y, Z; height; place; variance (the paper's supplement)."""
XYZ_TO_REC709 = np.array(
    [(3.2404542, -1.5371385, -0.4985314), (-0.9692660, 1.8760108, 0.0415560), (0.0556434, -0.2040259, 1.0572252)]
)


def interference(path_nm: Float[Array, "n"]) -> Float[Array, "n 3"]:
    """Light whose two ways differ by this, as it comes back in red, green and blue; 1 on average for no difference."""
    phase = 2 * np.pi * 1e-9 * np.asarray(path_nm)
    xyz = np.zeros((len(phase), 3))
    for axis, height, place, variance in GAUSSIANS:
        wave = np.cos(place * phase) * np.exp(-variance * phase**2)
        xyz[:, int(axis)] += height * np.sqrt(2 * np.pi * variance) / NORMALISATION * wave
    return xyz @ XYZ_TO_REC709.T


def thin_film(
    cosine: Float[Array, "n"], ior: float, thickness_nm: float, base: Float[Array, "3"], orders: int = 2
) -> Float[Array, "n 3"]:
    """Reflectance of a film over a surface that reflects `base` straight on, at cosines in [0, 1] of the viewer."""
    t = np.clip(thickness_nm / LEAST_NM, 0, 1)
    eta = 1 + (ior - 1) * t * t * (3 - 2 * t)
    within2 = 1 - (1 - cosine**2) / eta**2
    within = np.sqrt(np.maximum(within2, 0))
    outer = fresnel(cosine, eta)[:, None]
    root = np.sqrt(np.clip(base, 0, 0.9999))
    below = (1 + root) / (1 - root)
    straight = ((below - eta) / (below + eta)) ** 2
    inner = straight + (1 - straight) * schlick_weight(within)[:, None]
    both = np.minimum(outer * inner, 0.9999)
    passed = (1 - outer) ** 2 * inner / (1 - both)
    total = outer + passed
    # Half a wave is lost at the film's upper face from within, and at the lower one where that is denser.
    sign = np.where(below < eta, 1.0, -1.0)
    for order in range(1, orders + 1):
        wave = interference(order * 2 * eta * thickness_nm * within) * sign**order
        total = total + 2 * (passed - (1 - outer)) * both ** (order / 2) * wave
    return np.where((within2 > 0)[:, None], np.clip(total, 0, 1), 1.0)
