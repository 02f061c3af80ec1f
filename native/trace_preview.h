// What a real-time viewer shows of lit surfaces: image-based light from tables blurred beforehand and punctual lights,
// without shadows and without bounces. No randomness: two pictures differ only where the scenes do.
// kernels/preview_reference.py is the NumPy twin of the shading.
#pragma once
#include "trace_layers.h"
#include "trace_viewer.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

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

struct Seen {
    Vec3 base, glow;
    float alpha, roughness, metallic, transmission;
    Vec3 normal, smooth;
};

// As `surface_at`, with textures filtered for the distance between samples.
static inline Seen seen_at(const SceneView& scene, const Hit& hit, Vec3 viewer, float spacing) {
    const Triangle& triangle = scene.triangles[hit.triangle];
    const Material& material = scene.materials[triangle.material];
    const Weights w = weights(hit.u, hit.v);
    const auto texel = [&](const TextureUse& use) {
        return use.texture >= 0 ? read(scene, triangle, w, use, spacing) : Texel{1, 1, 1, 1};
    };
    const Texel base = own_color(scene, triangle, w, material, spacing), surface = texel(material.metal_rough_texture),
                glow = texel(material.emissive_texture);
    Seen s;
    s.base = vec(high(base.r, 0.f), high(base.g, 0.f), high(base.b, 0.f));
    s.alpha = base.a;
    s.roughness = saturate(material.roughness * surface.g);
    s.metallic = saturate(material.metallic * surface.b);
    s.transmission = saturate(material.transmission * texel(material.transmission_texture).r);
    const Vec3 flat = geometric_normal(scene, triangle);
    const bool front = dot(flat, viewer) >= 0.f;
    Vec3 n = smooth_normal(scene, triangle, w, flat);
    s.smooth = seen_from(front ? n : -n, viewer);
    if (material.normal_texture.texture >= 0)
        n = bumped(scene, triangle, w, material.normal_texture, read(scene, triangle, w, material.normal_texture, spacing), n);
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

// As `look` of trace_viewer.h, for any surface; what transmits is looked through straight, tinted.
static inline Texel preview(const SceneView& scene, const PreviewLight& light, CameraRay ray, float cone) {
    Vec3 open = grey(1), sum = grey(0);
    float travelled = 0.f, uncovered = 1.f;
    for (int layer = 0; layer < kViewerLayers && greatest(open) > 1e-3f; ++layer) {
        const Hit hit = first_hit(scene, ray.origin, ray.direction, kInfinity, 0, nullptr);
        if (hit.triangle == kNone) break;
        travelled += hit.distance;
        const Vec3 point = ray.origin + ray.direction * hit.distance;
        const Material& material = scene.materials[scene.triangles[hit.triangle].material];
        if (material.kind == kUnlit || material.lightmap_texture.texture >= 0) {
            const Texel t = shown(scene, hit, ray.direction, travelled * cone);
            sum = sum + open * vec(t.r, t.g, t.b) * t.a;
            open = open * (1.f - t.a);
            uncovered *= 1.f - t.a;
        } else {
            const Seen s = seen_at(scene, hit, -ray.direction, travelled * cone);
            const float alpha = covering(material, s.alpha);
            sum = sum + open * lit(scene, light, material, s, -ray.direction, point) * alpha;
            const Vec3 through = s.base * (s.transmission * (1.f - s.metallic) * 0.92f);
            open = open * (grey(1.f - alpha) + through * alpha);
            uncovered *= 1.f - alpha;
        }
        const float step = step_off(scene, point);
        ray.origin = point + ray.direction * step;
        travelled += step;
    }
    sum = sum + open * mirrored_light(light, ray.direction, 0.f);
    return {sum.x, sum.y, sum.z, 1.f - uncovered};
}

static void preview_row(const SceneView& scene, const PreviewLight& light, const CameraView& camera, int side, int left, int top,
                        int width, int row, float* out) {
    supersampled_row(camera, side, left, top, width, row, out,
                     [&](const CameraRay& ray, float cone) { return preview(scene, light, ray, cone); });
}

static void preview_pixels(const SceneView& scene, const PreviewLight& light, const CameraView& camera, int side,
                           const int32_t* places, size_t count, float* out) {
    for (size_t i = 0; i < count; ++i)
        supersampled_pixel(camera, side, places[2 * i], places[2 * i + 1], out + 4 * i,
                           [&](const CameraRay& ray, float cone) { return preview(scene, light, ray, cone); });
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
