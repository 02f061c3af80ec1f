// What a real-time viewer shows of unlit and of lightmapped surfaces: primary rays on a regular grid in each pixel, textures filtered for
// the distance between them, alpha blended back to front. No randomness.
#pragma once
#include "trace_camera.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

constexpr int kViewerLayers = 32;

// log2 of the texels between two neighbouring samples: area of the triangle in texels over its area on the screen.
static inline float texture_lod(const SceneView& scene, const Triangle& triangle, const TextureUse& use, float spacing) {
    const Texture& texture = scene.textures[use.texture];
    const Uv a = texcoord(scene, triangle, {1, 0, 0}, use), b = texcoord(scene, triangle, {0, 1, 0}, use),
             c = texcoord(scene, triangle, {0, 0, 1}, use);
    const Vec3 p = scene.corners[triangle.corner[0]].position;
    const float area = length(cross(scene.corners[triangle.corner[1]].position - p, scene.corners[triangle.corner[2]].position - p));
    const float texels = magnitude((b.u - a.u) * (c.v - a.v) - (b.v - a.v) * (c.u - a.u)) * texture.level[0].width *
                         texture.level[0].height;
    // Isotropic along the less foreshortened axis: anisotropic filtering, which viewers switch on, stays sharp there;
    // the supersampling takes care of the other axis.
    return area > 0.f && texels > 0.f ? 0.5f * std::log2(texels / area) + std::log2(high(spacing, 1e-20f)) : 0.f;
}

static inline Texel read(const SceneView& scene, const Triangle& triangle, Weights w, const TextureUse& use, float spacing) {
    const Uv at = texcoord(scene, triangle, w, use);
    return filtered(scene, use.texture, at.u, at.v, texture_lod(scene, triangle, use, spacing));
}

// D3 of docs/spec/outgoing-sh.md: the base colour times 1 + slope · direction towards the viewer, channel by channel.
static inline Texel turned(const SceneView& scene, const Triangle& triangle, Weights w, const Material& material,
                           Vec3 direction, float spacing, Texel base) {
    const float towards[3] = {-direction.x, -direction.y, -direction.z};
    float factor[3] = {1.f, 1.f, 1.f};
    for (int axis = 0; axis < 3; ++axis) {
        const Texel t = read(scene, triangle, w, material.sh_texture[axis], spacing);
        const float s[3] = {t.r, t.g, t.b};
        // Code 128 of 8 bits is zero.
        for (int k = 0; k < 3; ++k) factor[k] += towards[axis] * material.sh_scale * (255.f * s[k] - 128.f) / 127.f;
    }
    return {base.r * high(factor[0], 0.f), base.g * high(factor[1], 0.f), base.b * high(factor[2], 0.f), base.a};
}

// Diffuse light alone, as real-time viewers add it: irradiance · base colour · (1 − metallic) / π, and the glow.
static inline Texel lightmapped(const SceneView& scene, const Triangle& triangle, Weights w, const Material& material,
                                float spacing, Texel base) {
    const Texel light = read(scene, triangle, w, material.lightmap_texture, spacing);
    float metallic = material.metallic;
    if (material.metal_rough_texture.texture >= 0)
        metallic *= read(scene, triangle, w, material.metal_rough_texture, spacing).b;
    const float share = (1.f - metallic) * material.lightmap_intensity * 0.318309886f;
    Vec3 glow = material.emissive;
    if (!black(glow) && material.emissive_texture.texture >= 0) {
        const Texel t = read(scene, triangle, w, material.emissive_texture, spacing);
        glow = glow * vec(t.r, t.g, t.b);
    }
    return {base.r * light.r * share + glow.x, base.g * light.g * share + glow.y, base.b * light.b * share + glow.z, base.a};
}

// Base colour: factor × texture × vertex colour; alpha as it is.
static inline Texel own_color(const SceneView& scene, const Triangle& triangle, Weights w, const Material& material, Texel t) {
    Texel color{material.base_color[0] * t.r, material.base_color[1] * t.g, material.base_color[2] * t.b, material.base_color[3] * t.a};
    if (scene.colors) {
        const float *a = scene.colors + 4 * size_t(triangle.corner[0]), *b = scene.colors + 4 * size_t(triangle.corner[1]),
                    *c = scene.colors + 4 * size_t(triangle.corner[2]);
        color.r *= a[0] * w.a + b[0] * w.b + c[0] * w.c;
        color.g *= a[1] * w.a + b[1] * w.b + c[1] * w.c;
        color.b *= a[2] * w.a + b[2] * w.b + c[2] * w.c;
        color.a *= a[3] * w.a + b[3] * w.b + c[3] * w.c;
    }
    return color;
}

static inline float covering(const Material& material, float alpha) {
    if (material.alpha_mode == kMask) return alpha >= material.alpha_cutoff ? 1.f : 0.f;
    return material.alpha_mode == kBlend ? saturate(alpha) : 1.f;
}

// Outgoing radiance and alpha of an unlit surface towards the viewer; `spacing` metres between samples there.
static inline Texel shown(const SceneView& scene, const Hit& hit, Vec3 direction, float spacing) {
    const Triangle& triangle = scene.triangles[hit.triangle];
    const Material& material = scene.materials[triangle.material];
    const Weights w = weights(hit.u, hit.v);
    const bool textured = material.base_texture.texture >= 0;
    const Texel texel = textured ? read(scene, triangle, w, material.base_texture, spacing) : Texel{1, 1, 1, 1};
    Texel color = own_color(scene, triangle, w, material, texel);
    if (material.sh_texture[0].texture >= 0) color = turned(scene, triangle, w, material, direction, spacing, color);
    if (material.lightmap_texture.texture >= 0) color = lightmapped(scene, triangle, w, material, spacing, color);
    return {high(color.r, 0.f), high(color.g, 0.f), high(color.b, 0.f), covering(material, color.a)};
}

// Front to back through whatever is transparent, then the environment.
static inline Texel look(const SceneView& scene, CameraRay ray, float cone) {
    float open = 1.f, travelled = 0.f;
    Vec3 sum = grey(0);
    for (int layer = 0; layer < kViewerLayers && open > 1e-3f; ++layer) {
        const Hit hit = first_hit(scene, ray.origin, ray.direction, kInfinity, 0, nullptr);
        if (hit.triangle == kNone) break;
        travelled += hit.distance;
        const Texel t = shown(scene, hit, ray.direction, travelled * cone);
        sum = sum + vec(t.r, t.g, t.b) * (t.a * open);
        open *= 1.f - t.a;
        const float step = step_off(scene, ray.origin + ray.direction * hit.distance);
        ray.origin = ray.origin + ray.direction * (hit.distance + step);
        travelled += step;
    }
    if (scene.environment.radiance && open > 0.f) {
        const Uv at = environment_place(ray.direction);
        sum = sum + environment_radiance(scene.environment, at.u, at.v) * open;
    }
    return {sum.x, sum.y, sum.z, 1.f - open};
}

// One pixel: the mean of `seen(ray, cone)`, radiance and coverage; rays drift `cone` apart per metre travelled.
template <class See>
static inline void supersampled_pixel(const CameraView& camera, int side, int x, int y, float* pixel, const See& seen) {
    const float cell = 1.f / side, cone = 2.f * camera.half_height / camera.height * cell;
    pixel[0] = pixel[1] = pixel[2] = pixel[3] = 0.f;
    for (int j = 0; j < side; ++j)
        for (int i = 0; i < side; ++i) {
            const CameraRay ray = camera_ray(camera, x + (i + 0.5f) * cell, y + (j + 0.5f) * cell);
            const Texel t = seen(ray, cone * -dot(ray.direction, camera.backward));  // even on a plane, not on a sphere
            pixel[0] += t.r;
            pixel[1] += t.g;
            pixel[2] += t.b;
            pixel[3] += t.a;
        }
    for (int i = 0; i < 4; ++i) pixel[i] *= cell * cell;
}

template <class See>
static inline void supersampled_row(const CameraView& camera, int side, int left, int top, int width, int row, float* out,
                                    const See& seen) {
    for (int column = 0; column < width; ++column)
        supersampled_pixel(camera, side, left + column, top + row, out + 4 * size_t(column), seen);
}

static void viewer_row(const SceneView& scene, const CameraView& camera, int side, int left, int top, int width, int row,
                       float* out) {
    supersampled_row(camera, side, left, top, width, row, out,
                     [&](const CameraRay& ray, float cone) { return look(scene, ray, cone); });
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
