// Texture lookups: bilinear, in linear light, with glTF's wrap modes.
#pragma once
#include "trace_math.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

struct Texel {
    float r, g, b, a;
};

static inline int wrapped(int i, int count, int mode) {
    if (static_cast<unsigned>(i) < static_cast<unsigned>(count)) return i;
    if (mode == kClamp) return i < 0 ? 0 : count - 1;
    if (mode == kRepeat) {
        i %= count;
        return i < 0 ? i + count : i;
    }
    i %= 2 * count;
    if (i < 0) i += 2 * count;
    return i < count ? i : 2 * count - 1 - i;
}

static inline Texel fetch(const TextureLevel& level, const float* srgb, int x, int y) {
    const size_t at = 4 * (static_cast<size_t>(y) * level.width + x);
    if (level.floats) return {level.floats[at], level.floats[at + 1], level.floats[at + 2], level.floats[at + 3]};
    const uint8_t* p = level.bytes + at;
    if (srgb) return {srgb[p[0]], srgb[p[1]], srgb[p[2]], p[3] * (1.f / 255)};
    return {p[0] * (1.f / 255), p[1] * (1.f / 255), p[2] * (1.f / 255), p[3] * (1.f / 255)};
}

// A coordinate in texels; huge and NaN ones become 0 rather than undefined conversions.
static inline float bounded(float x) { return magnitude(x) < 1e9f ? x : 0.f; }

static inline Texel bilinear(const Texture& texture, const TextureLevel& level, const float* srgb, float u, float v) {
    const float x = bounded(u * level.width - 0.5f), y = bounded(v * level.height - 0.5f);
    const float fx = __builtin_floorf(x), fy = __builtin_floorf(y);
    const float wx = x - fx, wy = y - fy;
    const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
    const int x0 = wrapped(ix, level.width, texture.wrap_u), x1 = wrapped(ix + 1, level.width, texture.wrap_u);
    const int y0 = wrapped(iy, level.height, texture.wrap_v), y1 = wrapped(iy + 1, level.height, texture.wrap_v);
    const float* table = texture.srgb ? srgb : nullptr;
    const Texel a = fetch(level, table, x0, y0), b = fetch(level, table, x1, y0);
    const Texel c = fetch(level, table, x0, y1), d = fetch(level, table, x1, y1);
    const float wa = (1 - wx) * (1 - wy), wb = wx * (1 - wy), wc = (1 - wx) * wy, wd = wx * wy;
    return {a.r * wa + b.r * wb + c.r * wc + d.r * wd, a.g * wa + b.g * wb + c.g * wc + d.g * wd,
            a.b * wa + b.b * wb + c.b * wc + d.b * wd, a.a * wa + b.a * wb + c.a * wc + d.a * wd};
}

static inline Texel nearest(const Texture& texture, const TextureLevel& level, const float* srgb, float u, float v) {
    const int x = static_cast<int>(__builtin_floorf(bounded(u * level.width)));
    const int y = static_cast<int>(__builtin_floorf(bounded(v * level.height)));
    return fetch(level, texture.srgb ? srgb : nullptr, wrapped(x, level.width, texture.wrap_u),
                 wrapped(y, level.height, texture.wrap_v));
}

// At full resolution: many jittered samples do the filtering.
static inline Texel sharp(const SceneView& scene, int index, float u, float v) {
    const Texture& texture = scene.textures[index];
    return texture.nearest ? nearest(texture, texture.level[0], scene.srgb, u, v)
                           : bilinear(texture, texture.level[0], scene.srgb, u, v);
}

// Trilinear at `lod`: 0 is full resolution, and every level halves it.
static inline Texel filtered(const SceneView& scene, int index, float u, float v, float lod) {
    const Texture& texture = scene.textures[index];
    if (!(lod > 0.f)) return sharp(scene, index, u, v);
    const float top = static_cast<float>(texture.levels - 1);
    lod = low(lod, top);
    const int lower = static_cast<int>(lod);
    const float w = lod - lower;
    const Texel a = bilinear(texture, texture.level[lower], scene.srgb, u, v);
    if (w == 0.f || lower + 1 >= texture.levels) return a;
    const Texel b = bilinear(texture, texture.level[lower + 1], scene.srgb, u, v);
    return {lerp(a.r, b.r, w), lerp(a.g, b.g, w), lerp(a.b, b.b, w), lerp(a.a, b.a, w)};
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
