// Grain, sheen and coat over the opaque lobe of trace_bsdf.h, a film on it, a reflectance of its own, and light that passes
// it diffusely: KHR_materials_anisotropy, _sheen, _clearcoat, _iridescence, _specular and _diffuse_transmission, as the
// extensions' appendices define them. docs/reference/rendering.md has the formulas; kernels/layers_reference.py is the
// NumPy twin.
#pragma once
#include "trace_film.h"
#include "trace_sheen.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

// What lies over or within the base; directions are in the base's local frame, whose x runs along the grain.
struct Layers {
    float alpha_along, alpha_across;
    float coat, coat_alpha;
    Frame coat_frame;  // its z is the coat's normal
    Vec3 sheen;
    float sheen_most;    // its largest channel
    float sheen_alpha;
    const float* sheen_row;  // its albedo for kSheenCosines cosines, and behind it that of the next roughness; null: no sheen
    float sheen_between;     // how far the roughness lies between the two
    bool tinted;             // whether specular and specular_color are other than 1
    float specular;
    Vec3 specular_color;
    float film, film_ior, film_nm;
    float passing;           // share of the diffuse light that passes
    Vec3 passing_color;
};

static inline float ggx(Vec3 m, float along, float across) {
    const float d = square(m.x / along) + square(m.y / across) + m.z * m.z;
    return 1.f / (kPi * along * across * d * d);
}

static inline float smith(Vec3 v, float along, float across) {
    const float slopes = square(along * v.x) + square(across * v.y);
    return 2.f / (1.f + __builtin_sqrtf(1.f + slopes / (v.z * v.z)));
}

static inline Vec3 visible_normal(Vec3 wi, float along, float across, float u, float v) {
    const Vec3 m = visible_normal(normalize(vec(wi.x * along, wi.y * across, wi.z)), 1.f, u, v);
    return normalize(vec(m.x * along, m.y * across, m.z));
}

// The share of light from everywhere that the sheen of a white material sends to this cosine.
static inline float sheen_albedo(const Layers& l, float cosine) {
    if (!l.sheen_row) return 0.f;
    const float at = saturate(cosine) * (kSheenCosines - 1);
    const int i = static_cast<int>(low(at, kSheenCosines - 2.f));
    const float t = at - static_cast<float>(i);
    const float* next = l.sheen_row + kSheenCosines;
    return lerp(lerp(l.sheen_row[i], l.sheen_row[i + 1], t), lerp(next[i], next[i + 1], t), l.sheen_between);
}

static inline void set_sheen(Layers& l, Vec3 color, float roughness) {
    const float least = kLeastSheenRoughness, r = clamp(roughness, least, 1.f);
    l.sheen = color;
    l.sheen_most = greatest(color);
    l.sheen_alpha = r * r;
    l.sheen_row = nullptr;
    if (!(l.sheen_most > 0.f)) return;
    const float at = (r - least) / (1.f - least) * (kSheenRoughnesses - 1);
    const int row = static_cast<int>(low(at, kSheenRoughnesses - 2.f));
    l.sheen_row = sheen_albedos() + row * kSheenCosines;
    l.sheen_between = at - static_cast<float>(row);
}

static inline void set_coat(Layers& l, float factor, float roughness, Vec3 normal) {
    l.coat = factor;
    l.coat_alpha = high(square(roughness), kLeastAlpha);
    l.coat_frame = frame_of(normal);
}

// `alpha` across the grain and more along it, up to 1 at full strength: highlights are drawn out that way.
static inline void set_grain(Layers& l, float alpha, float strength) {
    l.alpha_along = lerp(alpha, 1.f, square(strength));
    l.alpha_across = alpha;
}

static inline void set_specular(Layers& l, float factor, Vec3 color) {
    l.tinted = factor != 1.f || color.x != 1.f || color.y != 1.f || color.z != 1.f;
    l.specular = factor;
    l.specular_color = color;
}

static inline void set_film(Layers& l, float factor, float ior, float thickness_nm) {
    l.film = thickness_nm > 0.f ? factor : 0.f;
    l.film_ior = ior;
    l.film_nm = thickness_nm;
}

static inline void set_passing(Layers& l, float factor, Vec3 color) {
    l.passing = factor;
    l.passing_color = color;
}

// What the surface itself reflects at a cosine, and what of its diffuse light that leaves.
struct Reflectances {
    Vec3 dielectric, metal;
    float kept;
};

static inline Reflectances reflectances(const Bsdf& b, const Layers& l, float cosine) {
    float far;
    const float f = fresnel(cosine, b.eta, &far);
    Reflectances r{grey(f), lerp(b.base, grey(1), schlick_weight(cosine)), 1.f};
    if (!l.tinted && !(l.film > 0.f)) return r;
    // The exact term's rise towards grazing angles, between the ends that the extension sets.
    const float plain = square((b.eta - 1.f) / (b.eta + 1.f)), rise = saturate((f - plain) / (1.f - plain));
    const auto straight = [&](float tint) { return low(plain * tint, 1.f); };
    const Vec3 f0 = vec(straight(l.specular_color.x), straight(l.specular_color.y), straight(l.specular_color.z));
    r.dielectric = lerp(f0, grey(1), rise) * l.specular;
    if (l.film > 0.f) {
        r.dielectric = lerp(r.dielectric, thin_film(cosine, l.film_ior, l.film_nm, f0 * l.specular), l.film);
        if (b.metallic > 0.f) r.metal = lerp(r.metal, thin_film(cosine, l.film_ior, l.film_nm, b.base), l.film);
    }
    r.kept = saturate((1.f - greatest(r.dielectric)) / high(1.f - f, 1e-4f));
    return r;
}

// What the sheen leaves to the layers below.
static inline float below_sheen(const Layers& l, float cosine) { return 1.f - saturate(l.sheen_most * sheen_albedo(l, cosine)); }

// What the coat reflects of light along a direction in its own frame.
static inline float coat_share(const Layers& l, Vec3 v) {
    float far;
    return l.coat * fresnel(saturate(v.z), kCoatEta, &far);
}

static inline Odds layered_odds(const Bsdf& b, const Layers& l, Vec3 wi) {
    const float cosine = saturate(wi.z), below = below_sheen(l, cosine), dielectric = 1.f - b.metallic;
    const Reflectances r = reflectances(b, l, cosine);
    Odds o{0, 0, 0, 0};
    o.coat = coat_share(l, to_local(l.coat_frame, wi));
    const float under = 1.f - o.coat;
    const float diffuse = below * dielectric * r.kept * (1.f - l.passing) * luminance(b.base);
    o.diffuse = under * (diffuse + luminance(l.sheen) * sheen_albedo(l, cosine));
    o.reflect = under * below * luminance(r.dielectric * dielectric + r.metal * b.metallic);
    o.transmit = under * below * dielectric * l.passing * luminance(l.passing_color);
    const float sum = o.coat + o.diffuse + o.reflect + o.transmit;
    if (!(sum > 0.f)) return {0, 1, 0, 0};
    return {o.diffuse / sum, o.reflect / sum, o.transmit / sum, o.coat / sum};
}

// Grain, diffuse light and sheen: what lies under the coat.
static inline Value under_coat(const Bsdf& b, const Layers& l, Vec3 wi, Vec3 wo, const Odds& odds) {
    const Vec3 m = normalize(wi + wo);
    const float cos_d = dot(wi, m);
    const Reflectances r = reflectances(b, l, cos_d);
    const float visible = ggx(m, l.alpha_along, l.alpha_across) * smith(wi, l.alpha_along, l.alpha_across) / (4.f * wi.z);
    const Vec3 tint = r.dielectric * (1.f - b.metallic) + r.metal * b.metallic;
    Value value{tint * (visible * smith(wo, l.alpha_along, l.alpha_across)), odds.reflect * visible + odds.diffuse * kInvPi * wo.z};
    const float diffuse = (1.f - b.metallic) * r.kept * (1.f - l.passing);
    if (diffuse > 0.f) value.f = value.f + disney_diffuse(b, wi.z, wo.z, cos_d) * diffuse;
    if (l.sheen_row) {
        value.f = value.f * low(below_sheen(l, wi.z), below_sheen(l, wo.z));
        value.f = value.f + l.sheen * (charlie(m.z, l.sheen_alpha) * charlie_visibility(wi.z, wo.z, l.sheen_alpha) * wo.z);
    }
    return value;
}

// Light that a thin sheet passes diffusely: what neither of its faces reflects, the same both ways.
static inline Value through_sheet(const Bsdf& b, const Layers& l, Vec3 wi, Vec3 wo, const Odds& odds) {
    const float cosine = -wo.z;
    float entering = 1.f - high(greatest(reflectances(b, l, wi.z).dielectric), greatest(reflectances(b, l, cosine).dielectric));
    if (l.sheen_row) entering *= low(below_sheen(l, wi.z), below_sheen(l, cosine));
    const float lobe = kInvPi * cosine;
    return {l.passing_color * ((1.f - b.metallic) * l.passing * high(entering, 0.f) * lobe), odds.transmit * lobe};
}

// f · cos and density. Each layer has a horizon of its own: light may reach the coat and not the bumps below.
static inline Value layered_value(const Bsdf& b, const Layers& l, Vec3 wi, Vec3 wo, const Odds& odds) {
    Value value{grey(0), 0};
    if (!(wi.z > 0.f)) return value;
    if (wo.z > 0.f) value = under_coat(b, l, wi, wo, odds);
    else if (wo.z < 0.f && l.passing > 0.f) value = through_sheet(b, l, wi, wo, odds);
    if (!(l.coat > 0.f)) return value;
    const Vec3 vi = to_local(l.coat_frame, wi), vo = to_local(l.coat_frame, wo);
    value.f = value.f * (1.f - coat_share(l, vi));
    if (!(vi.z > 0.f) || !(vo.z > 0.f)) return value;
    const Vec3 m = normalize(vi + vo);
    float far;
    const float visible = ggx(m, l.coat_alpha) * smith(vi, l.coat_alpha) / (4.f * vi.z);
    value.f = value.f + grey(l.coat * fresnel(dot(vi, m), kCoatEta, &far) * visible * smith(vo, l.coat_alpha));
    value.pdf += odds.coat * visible;
    return value;
}

static inline Scattered layered_sample(const Bsdf& b, const Layers& l, Vec3 wi, const Odds& odds, float lobe, Pair uv) {
    Scattered s{vec(0, 0, 1), grey(0), 0, false};
    if (!(wi.z > 0.f)) return s;
    if (lobe < odds.diffuse) {
        s.direction = cosine_direction(uv.x, uv.y);
    } else if (lobe < odds.diffuse + odds.transmit) {
        s.direction = -cosine_direction(uv.x, uv.y);
        s.transmitted = true;
    } else if (lobe < odds.diffuse + odds.transmit + odds.reflect || !(odds.coat > 0.f)) {
        s.direction = mirrored(wi, visible_normal(wi, l.alpha_along, l.alpha_across, uv.x, uv.y));
        if (!(s.direction.z > 0.f)) return s;
    } else {
        const Vec3 vi = to_local(l.coat_frame, wi), vo = mirrored(vi, visible_normal(vi, l.coat_alpha, uv.x, uv.y));
        if (!(vo.z > 0.f)) return s;
        s.direction = to_world(l.coat_frame, vo);
    }
    const Value value = layered_value(b, l, wi, s.direction, odds);
    if (!(value.pdf > 0.f)) return s;
    s.pdf = value.pdf;
    s.weight = value.f * (1.f / value.pdf);
    return s;
}

// Any kind of surface; `layers` is read for kLayered only.
static inline Odds lobe_odds(const Bsdf& b, const Layers& layers, Vec3 wi) {
    if (b.kind == kLambert) return {1, 0, 0};
    return b.kind == kLayered ? layered_odds(b, layers, wi) : odds(b, saturate(wi.z));
}
static inline Value scattering(const Bsdf& b, const Layers& layers, Vec3 wi, Vec3 wo, const Odds& odds) {
    return b.kind == kLayered ? layered_value(b, layers, wi, wo, odds) : bsdf_value(b, wi, wo, odds);
}
static inline Scattered scatter(const Bsdf& b, const Layers& layers, Vec3 wi, const Odds& odds, float lobe, Pair uv) {
    return b.kind == kLayered ? layered_sample(b, layers, wi, odds, lobe, uv) : bsdf_sample(b, wi, odds, lobe, uv);
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
