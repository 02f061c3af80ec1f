// From a hit to everything that shading asks of a point: place, normals, material values.
#pragma once
#include "trace_bsdf.h"
#include "trace_textures.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

struct Weights {
    float a, b, c;
};
static inline Weights weights(float u, float v) { return {1.f - u - v, u, v}; }

static inline Vec3 blend(Weights w, Vec3 a, Vec3 b, Vec3 c) { return a * w.a + b * w.b + c * w.c; }

struct Uv {
    float u, v;
};

static inline Uv texcoord(const SceneView& scene, const Triangle& triangle, Weights w, const TextureUse& use) {
    const float* a = scene.corners[triangle.corner[0]].uv[use.texcoord];
    const float* b = scene.corners[triangle.corner[1]].uv[use.texcoord];
    const float* c = scene.corners[triangle.corner[2]].uv[use.texcoord];
    const float u = a[0] * w.a + b[0] * w.b + c[0] * w.c, v = a[1] * w.a + b[1] * w.b + c[1] * w.c;
    return {use.transform[0] * u + use.transform[1] * v + use.transform[2],
            use.transform[3] * u + use.transform[4] * v + use.transform[5]};
}

static inline Texel look_up(const SceneView& scene, const Triangle& triangle, Weights w, const TextureUse& use) {
    const Uv at = texcoord(scene, triangle, w, use);
    return sharp(scene, use.texture, at.u, at.v);
}

// Base colour and alpha: factor × texture × vertex colour.
static inline Texel base_color(const SceneView& scene, const Triangle& triangle, Weights w, const Material& material) {
    Texel color{material.base_color[0], material.base_color[1], material.base_color[2], material.base_color[3]};
    if (material.base_texture.texture >= 0) {
        const Texel t = look_up(scene, triangle, w, material.base_texture);
        color = {color.r * t.r, color.g * t.g, color.b * t.b, color.a * t.a};
    }
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

static inline float opacity(const SceneView& scene, const Triangle& triangle, Weights w, const Material& material) {
    const float alpha = base_color(scene, triangle, w, material).a;
    if (material.alpha_mode == kMask) return alpha >= material.alpha_cutoff ? 1.f : 0.f;
    return material.alpha_mode == kBlend ? saturate(alpha) : 1.f;
}

static inline Vec3 geometric_normal(const SceneView& scene, const Triangle& triangle) {
    const Vec3 a = scene.corners[triangle.corner[0]].position;
    return normalize(cross(scene.corners[triangle.corner[1]].position - a, scene.corners[triangle.corner[2]].position - a));
}

// The interpolated normal, on the side of `flat`: a file's normals and winding may disagree. Always in line, as the multiply-adds
// that a compiler fuses, and with them last bits, hang on it.
[[gnu::always_inline]] static inline Vec3 smooth_normal(const SceneView& scene, const Triangle& triangle, Weights w, Vec3 flat) {
    const Vec3 n = normalize(blend(w, scene.corners[triangle.corner[0]].normal, scene.corners[triangle.corner[1]].normal,
                                   scene.corners[triangle.corner[2]].normal));
    return dot(n, flat) < 0.f ? -n : n;
}

static inline Vec3 place(const SceneView& scene, const Triangle& triangle, Weights w) {
    return blend(w, scene.corners[triangle.corner[0]].position, scene.corners[triangle.corner[1]].position,
                 scene.corners[triangle.corner[2]].position);
}

// How far to step off a surface at p: a multiple of the rounding of coordinates there and across the scene.
static inline float step_off(const SceneView& scene, Vec3 p) {
    return scene.epsilon + 4e-6f * high(magnitude(p.x), high(magnitude(p.y), magnitude(p.z)));
}

struct Surface {
    const Material* material;
    uint32_t triangle;
    Weights w;
    Vec3 position;
    Vec3 normal;   // geometric, towards the viewer
    Vec3 shading;  // unit, on the viewer's side
    bool front;    // whether the viewer sees the front face
    Vec3 base;
    float roughness, metallic, transmission;
    Vec3 smooth;  // interpolated normal without the normal map, on the side that the viewer sees
};

struct Tangents {
    Vec3 along, side;
    bool some;
};

// The frame of texture space in the plane of n; none where the mesh has no tangents.
static inline Tangents tangents_at(const SceneView& scene, const Triangle& triangle, Weights w, Vec3 n) {
    const float *a = scene.corners[triangle.corner[0]].tangent, *b = scene.corners[triangle.corner[1]].tangent,
                *c = scene.corners[triangle.corner[2]].tangent;
    Vec3 t{a[0] * w.a + b[0] * w.b + c[0] * w.c, a[1] * w.a + b[1] * w.b + c[1] * w.c,
           a[2] * w.a + b[2] * w.b + c[2] * w.c};
    t = t - n * dot(n, t);
    if (dot(t, t) < 1e-12f) return {n, n, false};
    t = normalize(t);
    return {t, cross(n, t) * (a[3] < 0.f ? -1.f : 1.f), true};
}

// `n` turned as a texel of the normal map says.
static inline Vec3 bumped(const SceneView& scene, const Triangle& triangle, Weights w, const TextureUse& use, Texel texel, Vec3 n) {
    const Tangents plane = tangents_at(scene, triangle, w, n);
    if (!plane.some) return n;
    const Vec3 m{(texel.r * 2 - 1) * use.scale, (texel.g * 2 - 1) * use.scale, texel.b * 2 - 1};
    return normalize(plane.along * m.x + plane.side * m.y + n * m.z);
}

static inline Vec3 bump(const SceneView& scene, const Triangle& triangle, Weights w, const TextureUse& use, Vec3 n) {
    return bumped(scene, triangle, w, use, look_up(scene, triangle, w, use), n);
}

// What a clear coat passes of the light from below it towards a viewer.
static inline float coat_passes(const SceneView& scene, const Triangle& triangle, Weights w, const Material& material,
                                Vec3 viewer) {
    Vec3 n = smooth_normal(scene, triangle, w, geometric_normal(scene, triangle));
    if (material.coat_normal_texture.texture >= 0) n = bump(scene, triangle, w, material.coat_normal_texture, n);
    float far, factor = material.coat;
    if (material.coat_texture.texture >= 0) factor *= look_up(scene, triangle, w, material.coat_texture).r;
    return 1.f - factor * fresnel(low(magnitude(dot(n, viewer)), 1.f), kCoatEta, &far);
}

// Light that leaves towards a viewer, whatever arrives.
static inline Vec3 emission(const SceneView& scene, const Triangle& triangle, Weights w, const Material& material, Vec3 viewer) {
    Vec3 glow = material.emissive;
    if (material.emissive_texture.texture >= 0) {
        const Texel t = look_up(scene, triangle, w, material.emissive_texture);
        glow = glow * vec(t.r, t.g, t.b);
    }
    if (material.kind != kLayered || !(material.coat > 0.f)) return glow;
    return glow * coat_passes(scene, triangle, w, material, viewer);
}

// Interpolated normals may face away from a viewer who sees the triangle; tilt them just enough to be seen.
static inline Vec3 seen_from(Vec3 n, Vec3 viewer) {
    constexpr float kGrazing = 1e-3f;
    const float cosine = dot(n, viewer);
    return cosine >= kGrazing ? n : normalize(n + viewer * (kGrazing - cosine));
}

static inline Surface surface_at(const SceneView& scene, uint32_t index, float u, float v, Vec3 viewer) {
    const Triangle& triangle = scene.triangles[index];
    const Material& material = scene.materials[triangle.material];
    Surface s;
    s.material = &material;
    s.triangle = index;
    s.w = weights(u, v);
    s.position = place(scene, triangle, s.w);
    const Vec3 flat = geometric_normal(scene, triangle);
    s.front = dot(flat, viewer) >= 0.f;
    s.normal = s.front ? flat : -flat;
    Vec3 n = smooth_normal(scene, triangle, s.w, flat);
    s.smooth = s.front ? n : -n;
    if (material.normal_texture.texture >= 0) n = bump(scene, triangle, s.w, material.normal_texture, n);
    s.shading = seen_from(s.front ? n : -n, viewer);
    const Texel base = base_color(scene, triangle, s.w, material);
    s.base = vec(high(base.r, 0.f), high(base.g, 0.f), high(base.b, 0.f));
    s.roughness = material.roughness;
    s.metallic = material.metallic;
    s.transmission = material.transmission;
    if (material.metal_rough_texture.texture >= 0) {
        const Texel t = look_up(scene, triangle, s.w, material.metal_rough_texture);
        s.roughness *= t.g;
        s.metallic *= t.b;
    }
    if (material.transmission > 0.f && material.transmission_texture.texture >= 0)
        s.transmission *= look_up(scene, triangle, s.w, material.transmission_texture).r;
    if (material.kind == kPlate && s.metallic > 0.f) {
        // Metal lets nothing pass: the pane has the rest, and what is opaque is so much more of metal.
        s.transmission *= 1.f - s.metallic;
        s.metallic = low(s.metallic / high(1.f - s.transmission, 1e-6f), 1.f);
    }
    return s;
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
