// What a real-time viewer shows of lit surfaces: image-based light from tables blurred beforehand and punctual lights,
// without shadows and without bounces. No randomness: two pictures differ only where the scenes do.
// kernels/preview_reference.py is the NumPy twin of the shading.
#pragma once
#include "trace_layers.h"
#include "trace_viewer.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

struct Pixel {
    int x, y;
};

constexpr float kLeastPunctualAlpha = 0.0064f;  // of roughness 0.08: punctual lights have no size to be mirrored

// Irradiance / π on a plane that faces n: first three bands of spherical harmonics, constants multiplied in
// (Ramamoorthi and Hanrahan, An Efficient Representation for Irradiance Environment Maps, 2001).
static inline Vec3 diffuse_light(const PreviewLight& light, Vec3 n) {
    const float basis[9] = {1.f, n.y, n.z, n.x, n.x * n.y, n.y * n.z, 3.f * n.z * n.z - 1.f, n.x * n.z, n.x * n.x - n.y * n.y};
    Vec3 sum = grey(0);
    for (int i = 0; i < 9; ++i) sum = sum + light.harmonics[i] * basis[i];
    return vec(high(sum.x, 0.f), high(sum.y, 0.f), high(sum.z, 0.f));
}

static inline Vec3 mirrored_light(const PreviewLight& light, Vec3 direction, float roughness) {
    const Uv at = environment_place(direction);
    const float level = saturate(roughness) * light.levels;
    const int lower = static_cast<int>(low(level, light.levels - 1.f));
    const auto of = [&](int i) {
        Environment map{};
        map.radiance = i == 0 ? light.sharp : light.blurred + static_cast<size_t>(i - 1) * light.width * light.height * 3;
        map.width = i == 0 ? light.sharp_width : light.width;
        map.height = i == 0 ? light.sharp_height : light.height;
        return environment_radiance(map, at.u, at.v);
    };
    return lerp(of(lower), of(lower + 1), level - lower);
}

// Scale and offset of the reflectance at right angles, summed over the lobe (Karis, Physically Based Shading on Mobile, 2014).
static inline Vec3 lobe_reflectance(Vec3 f0, float roughness, float cosine) {
    const float x = 1.f - roughness, y = 0.0425f - 0.0275f * roughness, z = 1.04f - 0.572f * roughness, w = 0.022f * roughness - 0.04f;
    const float a = low(x * x, std::exp2(-9.28f * cosine)) * x + y;
    return f0 * (-1.04f * a + z) + grey(high(1.04f * a + w, 0.f));  // the fit dips below zero where rough
}

// Where a surface's textures are read.
enum Slot : int { kBaseSlot, kSurfaceSlot, kGlowSlot, kPassingSlot, kBumpSlot, kSlots };
struct Reading {
    Uv at;
    float lod;
};
struct Readings {
    Reading of[kSlots];
};

static inline const TextureUse& use_of(const Material& material, int slot) {
    switch (slot) {
        case kBaseSlot: return material.base_texture;
        case kSurfaceSlot: return material.metal_rough_texture;
        case kGlowSlot: return material.emissive_texture;
        case kPassingSlot: return material.transmission_texture;
        default: return material.normal_texture;
    }
}

static inline bool read_alike(const SceneView& scene, const TextureUse& one, const TextureUse& other) {
    if (one.texture < 0 || one.texcoord != other.texcoord) return false;
    for (int i = 0; i < 6; ++i)
        if (one.transform[i] != other.transform[i]) return false;
    const TextureLevel &a = scene.textures[one.texture].level[0], &b = scene.textures[other.texture].level[0];
    return a.width == b.width && a.height == b.height;
}

static inline Readings readings_at(const SceneView& scene, const Hit& hit, float spacing) {
    const Triangle& triangle = scene.triangles[hit.triangle];
    const Material& material = scene.materials[triangle.material];
    const Weights w = weights(hit.u, hit.v);
    Readings found;
    for (int i = 0; i < kSlots; ++i) {
        const TextureUse& use = use_of(material, i);
        if (use.texture < 0) continue;
        int alike = 0;
        while (alike < i && !read_alike(scene, use_of(material, alike), use)) ++alike;
        found.of[i] = alike < i ? found.of[alike]
                                : Reading{texcoord(scene, triangle, w, use), texture_lod(scene, triangle, use, spacing)};
    }
    return found;
}

struct Seen {
    Vec3 base, glow;
    float alpha, roughness, metallic, transmission;
    Vec3 normal, smooth;
};

// As `surface_at`, with textures filtered for the distance between samples.
static inline Seen seen_at(const SceneView& scene, const Hit& hit, Vec3 viewer, const Readings& readings) {
    const Triangle& triangle = scene.triangles[hit.triangle];
    const Material& material = scene.materials[triangle.material];
    const Weights w = weights(hit.u, hit.v);
    const auto texel = [&](Slot slot) {
        const int texture = use_of(material, slot).texture;
        const Reading& reading = readings.of[slot];
        return texture >= 0 ? filtered(scene, texture, reading.at.u, reading.at.v, reading.lod) : Texel{1, 1, 1, 1};
    };
    const Texel base = own_color(scene, triangle, w, material, texel(kBaseSlot)), surface = texel(kSurfaceSlot), glow = texel(kGlowSlot);
    Seen s;
    s.base = vec(high(base.r, 0.f), high(base.g, 0.f), high(base.b, 0.f));
    s.alpha = base.a;
    s.roughness = saturate(material.roughness * surface.g);
    s.metallic = saturate(material.metallic * surface.b);
    s.transmission = saturate(material.transmission * texel(kPassingSlot).r);
    const Vec3 flat = geometric_normal(scene, triangle);
    const bool front = dot(flat, viewer) >= 0.f;
    Vec3 n = smooth_normal(scene, triangle, w, flat);
    s.smooth = seen_from(front ? n : -n, viewer);
    if (material.normal_texture.texture >= 0) n = bumped(scene, triangle, w, material.normal_texture, texel(kBumpSlot), n);
    s.normal = seen_from(front ? n : -n, viewer);
    s.glow = front || material.double_sided ? material.emissive * vec(glow.r, glow.g, glow.b) : grey(0);
    return s;
}

// Diffuse and glossy light from where `direction` points, `arriving` its irradiance over the cosine.
static inline Vec3 punctual_share(const Seen& s, Vec3 f0, Vec3 viewer, Vec3 direction, Vec3 arriving) {
    const float cosine = dot(s.normal, direction), away = high(dot(s.normal, viewer), 1e-4f);
    if (!(cosine > 0.f)) return grey(0);
    const Vec3 half = normalize(viewer + direction);
    const float alpha = high(square(s.roughness), kLeastPunctualAlpha), a2 = square(alpha), h = saturate(dot(s.normal, half));
    const float spread = a2 * kInvPi / square(h * h * (a2 - 1.f) + 1.f);
    const float k = alpha / 2, visible = 1.f / ((cosine * (1.f - k) + k) * (away * (1.f - k) + k) * 4.f);
    const Vec3 f = lerp(f0, grey(1), schlick_weight(saturate(dot(viewer, half))));
    const Vec3 diffuse = s.base * ((1.f - s.metallic) * (1.f - s.transmission) * kInvPi);
    return (diffuse * (grey(1) - f) + f * (spread * visible)) * arriving * cosine;
}

static inline Vec3 punctual_light(const SceneView& scene, const PreviewLight& lights, const Seen& s, Vec3 f0, Vec3 viewer,
                                  Vec3 point) {
    Vec3 sum = grey(0);
    for (size_t i = 0; i < lights.punctual_count; ++i) {
        const Light& light = scene.lights[lights.punctual[i]];
        const bool distant = light.kind == kDirectionalLight;
        const Vec3 way = distant ? -light.direction : light.position - point;
        const float fall_off = distant ? 1.f : 1.f / high(dot(way, way), 1e-12f);
        const Vec3 direction = normalize(way);
        sum = sum + punctual_share(s, f0, viewer, direction, light.intensity * (fall_off * spot_falloff(light, direction)));
    }
    return sum;
}

// Radiance towards the viewer, without what shines through.
static inline Vec3 lit(const SceneView& scene, const PreviewLight& light, const Material& material, const Seen& s, Vec3 viewer,
                       Vec3 point) {
    const float cosine = saturate(dot(s.normal, viewer)), normal_share = square((material.eta - 1.f) / (material.eta + 1.f));
    const Vec3 f0 = lerp(grey(normal_share), s.base, s.metallic);
    const Vec3 mirrored = s.normal * (2.f * dot(s.normal, viewer)) - viewer;
    const Vec3 glossy = lobe_reflectance(f0, s.roughness, cosine);
    const Vec3 diffuse = s.base * ((1.f - s.metallic) * (1.f - s.transmission));
    Vec3 sum = diffuse * (grey(1) - glossy) * diffuse_light(light, s.normal) + glossy * mirrored_light(light, mirrored, s.roughness);
    sum = sum + punctual_light(scene, light, s, f0, viewer, point);
    if (material.kind == kLayered) {
        sum = sum + material.sheen * diffuse_light(light, s.normal) * schlick_weight(cosine);
        const float coat = material.coat * lobe_reflectance(grey(0.04f), material.coat_roughness, saturate(dot(s.smooth, viewer))).x;
        const Vec3 over = s.smooth * (2.f * dot(s.smooth, viewer)) - viewer;
        sum = sum * (1.f - coat) + mirrored_light(light, over, material.coat_roughness) * coat;
    }
    return sum + s.glow;
}

// Whether a viewer shows it without adding light.
static inline bool lights_itself(const Material& material) {
    return material.kind == kUnlit || material.lightmap_texture.texture >= 0;
}

// A ray on its way through whatever lets something through.
struct Sight {
    CameraRay ray;
    float cone, travelled, uncovered;
    Vec3 open, sum;
    Hit hit;
    Readings readings;  // of what it hit, unless that lights itself
};

// As `look` of trace_viewer.h, for any surface: what the hit adds, and what is left open; what transmits is looked through straight, tinted.
static inline void pass(const SceneView& scene, const PreviewLight& light, Sight& s) {
    const Hit& hit = s.hit;
    s.travelled += hit.distance;
    const Vec3 point = s.ray.origin + s.ray.direction * hit.distance;
    const Material& material = scene.materials[scene.triangles[hit.triangle].material];
    if (lights_itself(material)) {
        const Texel t = shown(scene, hit, s.ray.direction, s.travelled * s.cone);
        s.sum = s.sum + s.open * vec(t.r, t.g, t.b) * t.a;
        s.open = s.open * (1.f - t.a);
        s.uncovered *= 1.f - t.a;
    } else {
        const Seen seen = seen_at(scene, hit, -s.ray.direction, s.readings);
        const float alpha = covering(material, seen.alpha);
        s.sum = s.sum + s.open * lit(scene, light, material, seen, -s.ray.direction, point) * alpha;
        const Vec3 through = seen.base * (seen.transmission * (1.f - seen.metallic) * 0.92f);
        s.open = s.open * (grey(1.f - alpha) + through * alpha);
        s.uncovered *= 1.f - alpha;
    }
    const float step = step_off(scene, point);
    s.ray.origin = point + s.ray.direction * step;
    s.travelled += step;
}

// Where the textures of what was hit are read; asks memory for their texels.
static inline void look_ahead(const SceneView& scene, Sight& s) {
    const Material& material = scene.materials[scene.triangles[s.hit.triangle].material];
    if (lights_itself(material)) return;
    s.readings = readings_at(scene, s.hit, (s.travelled + s.hit.distance) * s.cone);
    for (int slot = 0; slot < kSlots; ++slot)
        if (const int texture = use_of(material, slot).texture; texture >= 0) {
            const Reading& reading = s.readings.of[slot];
            fetch_ahead(scene.textures[texture], reading.at.u, reading.at.v, reading.lod);
        }
}

constexpr size_t kGroup = 64;  // of rays

// Layer by layer all of a group are traced, then memory is asked for the corners and for the texels that they need, then they are
// shaded: one by one, they waited for memory most of the time.
static inline void preview(const SceneView& scene, const PreviewLight& light, Sight* sights, size_t count) {
    Sight* going[kGroup];
    for (size_t k = 0; k < count; ++k) going[k] = sights + k;
    size_t left = count;
    for (int layer = 0; layer < kViewerLayers && left > 0; ++layer) {
        size_t kept = 0;
        for (size_t k = 0; k < left; ++k) {
            Sight& s = *going[k];
            if (!(greatest(s.open) > 1e-3f)) continue;
            s.hit = first_hit(scene, s.ray.origin, s.ray.direction, kInfinity, 0, nullptr);
            if (s.hit.triangle == kNone) continue;
            __builtin_prefetch(&scene.triangles[s.hit.triangle]);
            going[kept++] = &s;
        }
        left = kept;
        for (size_t k = 0; k < left; ++k)
            for (const uint32_t corner : scene.triangles[going[k]->hit.triangle].corner) __builtin_prefetch(&scene.corners[corner]);
        for (size_t k = 0; k < left; ++k) look_ahead(scene, *going[k]);
        for (size_t k = 0; k < left; ++k) pass(scene, light, *going[k]);
    }
    for (size_t k = 0; k < count; ++k)
        sights[k].sum = sights[k].sum + sights[k].open * mirrored_light(light, sights[k].ray.direction, 0.f);
}

// Pixels (x, y) = place(i) to RGB and coverage.
template <class Place>
static inline void preview_run(const SceneView& scene, const PreviewLight& light, const CameraView& camera, int side, size_t count,
                               float* out, const Place& place) {
    Sight sights[kGroup];
    const float cell = 1.f / side, cone = 2.f * camera.half_height / camera.height * cell;
    const size_t per_pixel = size_t(side) * side, total = count * per_pixel;
    for (size_t i = 0; i < 4 * count; ++i) out[i] = 0.f;
    for (size_t begin = 0; begin < total; begin += kGroup) {
        const size_t n = total - begin < kGroup ? total - begin : kGroup;
        for (size_t k = 0; k < n; ++k) {
            const Pixel at = place((begin + k) / per_pixel);
            const int sample = int((begin + k) % per_pixel), i = sample % side, j = sample / side;
            Sight& s = sights[k];
            s.ray = camera_ray(camera, at.x + (i + 0.5f) * cell, at.y + (j + 0.5f) * cell);
            s.cone = cone * -dot(s.ray.direction, camera.backward);  // even on a plane, not on a sphere
            s.travelled = 0.f;
            s.uncovered = 1.f;
            s.open = grey(1);
            s.sum = grey(0);
        }
        preview(scene, light, sights, n);
        for (size_t k = 0; k < n; ++k) {
            float* pixel = out + 4 * ((begin + k) / per_pixel);
            pixel[0] += sights[k].sum.x;
            pixel[1] += sights[k].sum.y;
            pixel[2] += sights[k].sum.z;
            pixel[3] += 1.f - sights[k].uncovered;
        }
    }
    for (size_t i = 0; i < 4 * count; ++i) out[i] *= cell * cell;
}

static void preview_row(const SceneView& scene, const PreviewLight& light, const CameraView& camera, int side, int left, int top,
                        int width, int row, float* out) {
    preview_run(scene, light, camera, side, size_t(width), out, [&](size_t i) { return Pixel{left + int(i), top + row}; });
}

static void preview_pixels(const SceneView& scene, const PreviewLight& light, const CameraView& camera, int side,
                           const int32_t* places, size_t count, float* out) {
    preview_run(scene, light, camera, side, count, out, [&](size_t i) { return Pixel{places[2 * i], places[2 * i + 1]}; });
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
