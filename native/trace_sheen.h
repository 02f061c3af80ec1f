// The sheen of KHR_materials_sheen: Charlie (Estevez and Kulla, Production Friendly Microfacet Sheen BRDF, 2017).
// Plain code for every instruction set; the table of its albedo is filled once by trace_sheen.cpp.
#pragma once

namespace nightproof {

constexpr int kSheenCosines = 32, kSheenRoughnesses = 24;
constexpr float kLeastSheenRoughness = 0.1f;  // below, it would shine at right angles only

// Albedo by roughness (rows, kLeastSheenRoughness … 1) and cosine (0 … 1).
const float* sheen_albedos();

// Distribution of fibres for the cosine of their normal; alpha = roughness².
static inline float charlie(float cosine, float alpha) {
    const float sine2 = 1.f - cosine * cosine;
    if (!(sine2 > 0.f)) return 0.f;
    return (2.f + 1.f / alpha) * __builtin_powf(sine2, 0.5f / alpha) * 0.15915494309f;
}

static inline float charlie_lambda(float cosine, float alpha) {
    const float t = (1.f - alpha) * (1.f - alpha);
    const auto mixed = [t](float rough, float smooth) { return rough + (smooth - rough) * t; };
    const float a = mixed(21.5473f, 25.3245f), b = mixed(3.82987f, 3.32435f), c = mixed(0.19823f, 0.16801f),
                d = mixed(-1.97760f, -1.27393f), e = mixed(-4.32054f, -4.85967f);
    const auto fit = [=](float x) { return a / (1.f + b * __builtin_powf(x, c)) + d * x + e; };
    return __builtin_expf(cosine < 0.5f ? fit(cosine) : 2.f * fit(0.5f) - fit(1.f - cosine));
}

// Shadowing over 4 cos cos.
static inline float charlie_visibility(float cos_i, float cos_o, float alpha) {
    return 1.f / ((1.f + charlie_lambda(cos_i, alpha) + charlie_lambda(cos_o, alpha)) * 4.f * cos_i * cos_o);
}

}  // namespace nightproof
