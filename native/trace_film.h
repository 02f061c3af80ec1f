// A thin film over the surface: KHR_materials_iridescence after Belcour and Barla, A Practical Extension to Microfacet
// Theory for the Modeling of Varying Iridescence, 2017, in the three-channel form that the extension's appendix sketches.
// kernels/film_reference.py is the NumPy twin and says what is approximate.
#pragma once
#include "trace_bsdf.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

// Light whose two ways differ by `path_nm`, as it comes back in red, green and blue: the Fourier transform of the eye's
// sensitivities, fitted by Gaussians, from XYZ to Rec. 709.
static inline Vec3 interference(float path_nm) {
    const float phase = 2.f * kPi * 1e-9f * path_nm, phase2 = phase * phase;
    const auto lobe = [=](float height, float place, float width) {
        return height * __builtin_cosf(place * phase) * __builtin_expf(-width * phase2);
    };
    // Heights are val · √(2π var) over the paper's normalisation, 1.0685e-7.
    const float x = lobe(0.84659f, 1.6810e6f, 4.3278e9f) + lobe(0.15387f, 2.2399e6f, 4.5282e9f);
    const float y = lobe(1.00022f, 1.7953e6f, 9.3046e9f), z = lobe(1.00112f, 2.2084e6f, 6.6121e9f);
    return vec(3.2404542f * x - 1.5371385f * y - 0.4985314f * z, -0.9692660f * x + 1.8760108f * y + 0.0415560f * z,
               0.0556434f * x - 0.2040259f * y + 1.0572252f * z);
}

// One channel: the sum of what is reflected straight and of two orders of what went to and fro within the film.
static inline float film_channel(float outer, float inner, float turned, float first, float second) {
    const float both = low(outer * inner, 0.9999f), amplitude = __builtin_sqrtf(both);
    const float passed = square(1.f - outer) * inner / (1.f - both);
    const float swing = 2.f * (passed - (1.f - outer)) * amplitude;
    return saturate(outer + passed + swing * (turned * first + amplitude * second));
}

// Reflectance of a film of index `ior` over a surface that reflects `base` straight on, for a cosine ≥ 0 on the viewer's side.
static inline Vec3 thin_film(float cosine, float ior, float thickness_nm, Vec3 base) {
    // A film that thins out fades from the air's index, so that none at all shows the bare surface.
    const float t = saturate(thickness_nm * (1.f / 0.03f));
    const float eta = lerp(1.f, ior, t * t * (3.f - 2.f * t));
    float within;
    const float outer = fresnel(cosine, eta, &within);
    if (!(within > 0.f)) return grey(1);
    const float path = 2.f * eta * thickness_nm * within;
    const Vec3 first = interference(path), second = interference(2.f * path);
    const float edge = schlick_weight(within);
    const auto channel = [&](float reflectance, float one, float two) {
        const float r = __builtin_sqrtf(clamp(reflectance, 0.f, 0.9999f)), below = (1.f + r) / (1.f - r);
        const float inner = lerp(square((below - eta) / (below + eta)), 1.f, edge);
        // Half a wave is lost at the film's upper face from within and at the lower one where that is denser.
        return film_channel(outer, inner, below < eta ? 1.f : -1.f, one, two);
    };
    return vec(channel(base.x, first.x, second.x), channel(base.y, first.y, second.y), channel(base.z, first.z, second.z));
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
