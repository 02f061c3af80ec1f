// Lambert and the opaque principled lobe of trace_bsdf.h, eight surfaces at a time.
#pragma once
#include "trace_bsdf.h"
#include "trace_wide_sampler.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

struct Opaques {
    Ints lambert;
    bool plain;  // all of them are Lambert
    Vecs base;
    Floats roughness, alpha, metallic, eta;
    // Of the viewer's direction: what every light direction shares.
    Vecs wi;
    Floats smith_i, weight_i;
    Floats diffuse, reflect;  // odds of the lobes
};

struct Values {
    Vecs f;  // times the cosine
    Floats pdf;
};

NIGHTPROOF_INLINE Floats schlick_weight(Floats cosine) {
    const Floats m = saturate(1.f - cosine);
    return square(square(m)) * m;
}

NIGHTPROOF_INLINE Floats fresnel(Floats cosine, Floats eta) {
    const Floats squared = 1.f - (1.f - cosine * cosine) / (eta * eta);
    const Floats far = root(squared);
    const Floats s = (cosine - eta * far) / (cosine + eta * far);
    const Floats p = (far - eta * cosine) / (far + eta * cosine);
    return pick(squared > 0.f, 0.5f * (s * s + p * p), all(1.f));
}

NIGHTPROOF_INLINE Floats smith(const Vecs& v, Floats alpha) {
    const Floats xy = v.x * v.x + v.y * v.y;
    return 2.f / (1.f + bare_root(1.f + alpha * alpha * xy / (v.z * v.z)));
}

// Fills in what follows from the viewer's direction.
NIGHTPROOF_INLINE void see_from(Opaques& b, const Vecs& wi) {
    b.wi = wi;
    b.diffuse = all(1.f);
    b.reflect = b.smith_i = b.weight_i = all(0.f);
    if (b.plain) return;
    const Floats cosine = saturate(wi.z), tint = luminance(b.base);
    b.weight_i = schlick_weight(wi.z);
    b.smith_i = smith(wi, b.alpha);
    const Floats diffuse = (1.f - b.metallic) * tint;
    const Floats reflect =
        (1.f - b.metallic) * fresnel(cosine, b.eta) + b.metallic * lerp(tint, all(1.f), schlick_weight(cosine));
    const Floats sum = diffuse + reflect;
    const Ints some = sum > 0.f;
    b.diffuse = pick(b.lambert, all(1.f), pick(some, diffuse / sum, all(0.f)));
    b.reflect = pick(b.lambert, all(0.f), pick(some, reflect / sum, all(1.f)));
}

NIGHTPROOF_INLINE Values bsdf_value(const Opaques& b, const Vecs& wo) {
    Values v{b.base * (kInvPi * wo.z), kInvPi * wo.z};
    if (!b.plain) {
        const Vecs m = normalize(b.wi + wo);
        const Floats cos_d = dot(b.wi, m), f = fresnel(cos_d, b.eta);
        const Floats a2 = b.alpha * b.alpha;
        const Floats d = m.z * m.z + (m.x * m.x + m.y * m.y) / a2;
        const Floats visible = b.smith_i / (kPi * a2 * d * d * 4.f * b.wi.z);
        const Floats dielectric = 1.f - b.metallic;
        const Floats weight_d = schlick_weight(cos_d) * b.metallic;
        const Vecs tint = greys(dielectric * f + weight_d) + b.base * (b.metallic - weight_d);
        const Floats fo = schlick_weight(wo.z), rr = 2.f * b.roughness * cos_d * cos_d;
        const Floats retro = rr * (fo + b.weight_i + fo * b.weight_i * (rr - 1.f));
        const Floats diffuse =
            dielectric * kInvPi * wo.z * ((1.f - 0.5f * b.weight_i) * (1.f - 0.5f * fo) + retro);
        const Vecs whole = tint * (visible * smith(wo, b.alpha)) + b.base * diffuse;
        v.f = pick(b.lambert, v.f, whole);
        v.pdf = pick(b.lambert, v.pdf, b.reflect * visible + b.diffuse * kInvPi * wo.z);
    }
    const Ints seen = (b.wi.z > 0.f) & (wo.z > 0.f);
    const Floats none = all(0.f);
    return {pick(seen, v.f, greys(none)), pick(seen, v.pdf, none)};
}

struct Scatterings {
    Vecs direction, weight;  // f · cos / pdf
    Floats pdf;              // 0: absorbed
};

NIGHTPROOF_INLINE Scatterings bsdf_sample(const Opaques& b, Floats lobe, const Pairs& uv) {
    Floats sine, cosine;
    turn(uv.x, &sine, &cosine);
    const Floats radius = bare_root(uv.y);
    Scatterings s{{radius * cosine, radius * sine, root(1.f - uv.y)}, b.base, {}};
    const Ints diffuse = b.lambert | (lobe < b.diffuse);
    if (bits(diffuse) != (1u << kWide) - 1) {
        const Vecs warped = normalize(Vecs{b.wi.x * b.alpha, b.wi.y * b.alpha, b.wi.z});
        const Floats z = (1.f - uv.y) * (1.f + warped.z) - warped.z;
        const Floats ring = root(1.f - z * z);
        const Vecs c = Vecs{ring * cosine, ring * sine, z} + warped;
        const Vecs m = normalize(Vecs{c.x * b.alpha, c.y * b.alpha, high(c.z, 1e-9f)});
        s.direction = pick(diffuse, s.direction, m * (2.f * dot(b.wi, m)) - b.wi);
    }
    if (b.plain) {
        s.pdf = pick(b.wi.z > 0.f, kInvPi * s.direction.z, all(0.f));
        return s;
    }
    const Values value = bsdf_value(b, s.direction);
    s.pdf = value.pdf;
    s.weight = pick(b.lambert, b.base, value.f * (1.f / value.pdf));
    return s;
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
