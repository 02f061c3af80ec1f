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

// The four texels around a place, and how much the second of each pair counts.
struct Window {
    int x0, x1, y0, y1;
    float wx, wy;
};

static inline Window window(const Texture& texture, const TextureLevel& level, float u, float v) {
    const float x = bounded(u * level.width - 0.5f), y = bounded(v * level.height - 0.5f);
    const float fx = __builtin_floorf(x), fy = __builtin_floorf(y);
    const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
    return {wrapped(ix, level.width, texture.wrap_u),  wrapped(ix + 1, level.width, texture.wrap_u),
            wrapped(iy, level.height, texture.wrap_v), wrapped(iy + 1, level.height, texture.wrap_v), x - fx, y - fy};
}

static inline Texel bilinear(const Texture& texture, const TextureLevel& level, const float* srgb, float u, float v) {
    const Window at = window(texture, level, u, v);
    const float wx = at.wx, wy = at.wy;
    const float* table = texture.srgb ? srgb : nullptr;
    const Texel a = fetch(level, table, at.x0, at.y0), b = fetch(level, table, at.x1, at.y0);
    const Texel c = fetch(level, table, at.x0, at.y1), d = fetch(level, table, at.x1, at.y1);
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

// Which level is read at `lod`, and how much the next one counts; 0: not at all.
struct Level {
    int lower;
    float next;
};

static inline Level level_at(const Texture& texture, float lod) {
    if (!(lod > 0.f)) return {0, 0.f};
    lod = low(lod, static_cast<float>(texture.levels - 1));
    const int lower = static_cast<int>(lod);
    return {lower, lower + 1 < texture.levels ? lod - lower : 0.f};
}

// Trilinear at `lod`: 0 is full resolution, and every level halves it.
static inline Texel filtered(const SceneView& scene, int index, float u, float v, float lod) {
    const Texture& texture = scene.textures[index];
    if (!(lod > 0.f)) return sharp(scene, index, u, v);
    const Level level = level_at(texture, lod);
    const Texel a = bilinear(texture, texture.level[level.lower], scene.srgb, u, v);
    if (level.next == 0.f) return a;
    const Texel b = bilinear(texture, texture.level[level.lower + 1], scene.srgb, u, v);
    const float w = level.next;
    return {lerp(a.r, b.r, w), lerp(a.g, b.g, w), lerp(a.b, b.b, w), lerp(a.a, b.a, w)};
}

// In line: a function that does nothing but ask memory does nothing at all to a compiler, which then leaves it out.
[[gnu::always_inline]] static inline void fetch_ahead(const Texture& texture, const TextureLevel& level, float u, float v) {
    const Window at = window(texture, level, u, v);
    for (const int y : {at.y0, at.y1}) {
        const size_t place = 4 * (static_cast<size_t>(y) * level.width + at.x0);
        __builtin_prefetch(level.floats ? static_cast<const void*>(level.floats + place) : level.bytes + place);
    }
}

// Asks memory for what `filtered` will read.
[[gnu::always_inline]] static inline void fetch_ahead(const Texture& texture, float u, float v, float lod) {
    const Level level = level_at(texture, lod);
    fetch_ahead(texture, texture.level[level.lower], u, v);
    if (level.next > 0.f) fetch_ahead(texture, texture.level[level.lower + 1], u, v);
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
