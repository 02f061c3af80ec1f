// Scattering at a point, in the local frame whose z is the shading normal on the viewer's side.
//
// The opaque lobe is Disney's: diffuse with retro-reflection, GGX with separable Smith shadowing, exact dielectric
// Fresnel blended with Schlick's for metals (Burley, Physically Based Shading at Disney, 2012; Extending the Disney
// BRDF, 2015). docs/reference/rendering.md has the formulas; kernels/bsdf_reference.py is the NumPy twin.
#pragma once
#include "trace_math.h"
#include "trace_sampler.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

constexpr float kLeastAlpha = 1e-3f;
constexpr float kCoatEta = 1.5f;  // the index of refraction of KHR_materials_clearcoat, fixed by the extension

struct Bsdf {
    int kind;
    Vec3 base;
    float roughness, alpha, metallic, transmission;
    float eta;  // of the far side relative to the viewer's
    bool inside;  // viewer within the volume
};

struct Value {
    Vec3 f;  // times the cosine
    float pdf;
};

static inline float schlick_weight(float cosine) {
    const float m = saturate(1.f - cosine);
    return square(square(m)) * m;
}

// Exact reflectance of a dielectric for a cosine ≥ 0 on the viewer's side; `cosine_far` behind it (0: total).
static inline float fresnel(float cosine, float eta, float* cosine_far) {
    const float squared = 1.f - (1.f - cosine * cosine) / (eta * eta);
    if (!(squared > 0.f)) {
        *cosine_far = 0.f;
        return 1.f;
    }
    const float far = __builtin_sqrtf(squared);
    *cosine_far = far;
    const float s = (cosine - eta * far) / (cosine + eta * far);
    const float p = (far - eta * cosine) / (far + eta * cosine);
    return 0.5f * (s * s + p * p);
}

static inline float ggx(Vec3 m, float alpha) {
    const float a2 = alpha * alpha;
    const float d = m.z * m.z + (m.x * m.x + m.y * m.y) / a2;
    return 1.f / (kPi * a2 * d * d);
}

static inline float smith(Vec3 v, float alpha) {
    const float xy = v.x * v.x + v.y * v.y;
    return 2.f / (1.f + __builtin_sqrtf(1.f + alpha * alpha * xy / (v.z * v.z)));
}

// A microfacet normal visible from `wi` (Dupuy and Benyoub, Sampling Visible GGX Normals with Spherical Caps, 2023).
static inline Vec3 visible_normal(Vec3 wi, float alpha, float u, float v) {
    const Vec3 warped = normalize(vec(wi.x * alpha, wi.y * alpha, wi.z));
    float sine, cosine;
    turn(u, &sine, &cosine);
    const float z = (1.f - v) * (1.f + warped.z) - warped.z;
    const float radius = root(1.f - z * z);
    const Vec3 c = vec(radius * cosine, radius * sine, z) + warped;
    return normalize(vec(c.x * alpha, c.y * alpha, high(c.z, 1e-9f)));
}

static inline Vec3 mirrored(Vec3 wi, Vec3 m) { return m * (2.f * dot(wi, m)) - wi; }

static inline Vec3 cosine_direction(float u, float v) {
    float sine, cosine;
    turn(u, &sine, &cosine);
    const float radius = __builtin_sqrtf(v);
    return vec(radius * cosine, radius * sine, root(1.f - v));
}

// The roughness of what passes a thin rough pane (Burley 2015, figure 15).
static inline float thin_alpha(const Bsdf& b) {
    return high(square((0.65f * b.eta - 0.35f) * b.roughness), kLeastAlpha);
}

struct Odds {
    float diffuse, reflect, transmit;
    float coat = 0;  // trace_layers.h
};

// Probabilities of the lobes: their albedos as far as the viewer's angle tells.
static inline Odds odds(const Bsdf& b, float cosine) {
    float far;
    const float f = fresnel(cosine, b.eta, &far);
    Odds o{0, 0, 0};
    if (b.inside) {
        // Never 0: where the mean normal reflects totally, tilted facets still let some light out.
        o.reflect = high(f, 0.02f);
        o.transmit = high(1.f - f, 0.05f);
    } else {
        const bool passes = b.kind == kVolume || b.kind == kThinRough;
        const float volume = passes ? (1.f - b.metallic) * b.transmission : 0.f;
        const float diffuse = passes ? (1.f - b.metallic) * (1.f - b.transmission) : 1.f - b.metallic;
        const float tint = luminance(b.base);
        o.diffuse = diffuse * tint;
        o.reflect = (1.f - b.metallic) * f + b.metallic * lerp(tint, 1.f, schlick_weight(cosine));
        o.transmit = volume * (1.f - f) * (b.kind == kThinRough ? tint : root(tint));
    }
    const float sum = o.diffuse + o.reflect + o.transmit;
    if (!(sum > 0.f)) return {0, 1, 0};
    return {o.diffuse / sum, o.reflect / sum, o.transmit / sum};
}

static inline Vec3 disney_diffuse(const Bsdf& b, float cos_i, float cos_o, float cos_d) {
    const float fi = schlick_weight(cos_i), fo = schlick_weight(cos_o);
    const float rr = 2.f * b.roughness * cos_d * cos_d;
    const float retro = rr * (fo + fi + fo * fi * (rr - 1.f));
    return b.base * (kInvPi * cos_o * ((1.f - 0.5f * fi) * (1.f - 0.5f * fo) + retro));
}

// f · cos and density for directions to the viewer and to the light; viewer.z > 0. Panes count as their opaque part.
static inline Value bsdf_value(const Bsdf& b, Vec3 wi, Vec3 wo, const Odds& odds) {
    Value value{grey(0), 0};
    const bool reflecting = wo.z > 0.f;
    if (!(wi.z > 0.f) || wo.z == 0.f) return value;
    if (b.kind == kLambert) {
        if (reflecting) value = {b.base * (kInvPi * wo.z), kInvPi * wo.z};
        return value;
    }
    if (b.kind == kThinRough && !reflecting) {
        const Vec3 over = vec(wo.x, wo.y, -wo.z);
        const Vec3 m = normalize(wi + over);
        float far;
        const float f = fresnel(dot(wi, m), b.eta, &far), alpha = thin_alpha(b);
        const float visible = ggx(m, alpha) * smith(wi, alpha) / (4.f * wi.z);
        value.f = b.base * ((1.f - b.metallic) * b.transmission * (1.f - f) * visible * smith(over, alpha));
        value.pdf = odds.transmit * visible;
        return value;
    }
    if (reflecting) {
        const Vec3 m = normalize(wi + wo);
        const float cos_d = dot(wi, m);
        float far;
        const float f = fresnel(cos_d, b.eta, &far);
        const float visible = ggx(m, b.alpha) * smith(wi, b.alpha) / (4.f * wi.z);
        const float volume = b.kind == kVolume ? (1.f - b.metallic) * b.transmission : 0.f;
        const Vec3 tint = b.inside ? grey(volume * f)
                                   : grey((1.f - b.metallic) * f) +
                                         lerp(b.base, grey(1), schlick_weight(cos_d)) * b.metallic;
        value.f = tint * (visible * smith(wo, b.alpha));
        value.pdf = odds.reflect * visible;
        if (!b.inside) {
            const bool passes = b.kind == kVolume || b.kind == kThinRough;
            const float diffuse = (1.f - b.metallic) * (passes ? 1.f - b.transmission : 1.f);
            if (diffuse > 0.f) value.f = value.f + disney_diffuse(b, wi.z, wo.z, cos_d) * diffuse;
            value.pdf += odds.diffuse * kInvPi * wo.z;
        }
        return value;
    }
    if (b.kind != kVolume || !(odds.transmit > 0.f)) return value;
    Vec3 m = normalize(wi + wo * b.eta);
    if (m.z < 0.f) m = -m;
    const float near = dot(wi, m), beyond = dot(wo, m);
    if (!(near > 0.f) || !(beyond < 0.f)) return value;
    float far;
    const float f = fresnel(near, b.eta, &far);
    const float visible = ggx(m, b.alpha) * smith(wi, b.alpha) / wi.z;
    const float common = near * -beyond / square(near + b.eta * beyond);
    const Vec3 tint = vec(root(b.base.x), root(b.base.y), root(b.base.z));
    value.f = tint * ((1.f - b.metallic) * b.transmission * (1.f - f) * visible * smith(wo, b.alpha) * common);
    value.pdf = odds.transmit * visible * common * square(b.eta);
    return value;
}

struct Scattered {
    Vec3 direction;
    Vec3 weight;  // f · cos / pdf
    float pdf;    // 0: absorbed
    bool transmitted;
};

static inline Scattered bsdf_sample(const Bsdf& b, Vec3 wi, const Odds& odds, float lobe, Pair uv) {
    Scattered s{vec(0, 0, 1), grey(0), 0, false};
    if (!(wi.z > 0.f)) return s;
    if (b.kind == kLambert) {
        s.direction = cosine_direction(uv.x, uv.y);
        s.pdf = kInvPi * s.direction.z;
        s.weight = b.base;
        return s;
    }
    if (lobe < odds.diffuse) {
        s.direction = cosine_direction(uv.x, uv.y);
    } else if (lobe < odds.diffuse + odds.reflect || !(odds.transmit > 0.f)) {
        s.direction = mirrored(wi, visible_normal(wi, b.alpha, uv.x, uv.y));
        if (!(s.direction.z > 0.f)) return s;
    } else {
        s.transmitted = true;
        const Vec3 m = visible_normal(wi, b.kind == kThinRough ? thin_alpha(b) : b.alpha, uv.x, uv.y);
        if (b.kind == kThinRough) {
            s.direction = mirrored(wi, m);
            s.direction.z = -s.direction.z;
        } else {
            const float near = dot(wi, m);
            float far;
            if (fresnel(near, b.eta, &far) >= 1.f) return s;
            s.direction = m * (near / b.eta - far) - wi * (1.f / b.eta);
        }
        if (!(s.direction.z < 0.f)) return s;
    }
    const Value value = bsdf_value(b, wi, s.direction, odds);
    if (!(value.pdf > 0.f)) return s;
    s.pdf = value.pdf;
    s.weight = value.f * (1.f / value.pdf);
    return s;
}

// What a smooth pane reflects altogether: the sum over the reflections between its two faces.
static inline float pane_reflectance(float cosine, float eta) {
    float far;
    const float r = fresnel(cosine, eta, &far);
    return 2.f * r / (1.f + r);
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
