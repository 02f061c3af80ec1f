// Rays through the scene: what they meet, past alpha; and how much light passes, past alpha and panes.
#pragma once
#include "trace_bsdf.h"
#include "trace_surface.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

constexpr int kMaxLayers = 64;  // of panes in a row

struct Hit {
    float distance, u, v;
    uint32_t triangle;  // kNone: nothing
};

static inline uint32_t triangle_of(const SceneView& scene, uint32_t geometry, uint32_t primitive) {
    return scene.order[geometry] ? scene.order[geometry][primitive] : primitive;
}

// Embree shows every candidate on a triangle with alpha. Blending is by chance: the ray's id and the triangle decide,
// so that asking twice (Embree may) gives the same answer.
static void alpha_filter(const RtcFilterArguments* args) {
    const SceneView& scene = *static_cast<const SceneView*>(args->geometry_user);
    const unsigned n = args->count;
    const auto* ids = static_cast<const uint32_t*>(args->ray) + 10 * n;
    const auto* hits = static_cast<const float*>(args->hit);
    const auto* primitives = static_cast<const uint32_t*>(args->hit) + 5 * n;
    for (unsigned i = 0; i < n; ++i) {
        if (args->valid[i] != -1) continue;
        const uint32_t index = triangle_of(scene, 1, primitives[i]);
        const Triangle& triangle = scene.triangles[index];
        const Material& material = scene.materials[triangle.material];
        const float alpha = opacity(scene, triangle, weights(hits[3 * n + i], hits[4 * n + i]), material);
        if (!(unit(mix(ids[i], index)) < alpha)) args->valid[i] = 0;
    }
}

static inline RtcArguments filter_arguments() {
    RtcArguments args{};
    args.features = 0xffffffffu;  // no flags: only geometries that ask for it are filtered
    args.filter = alpha_filter;
    return args;
}

static inline RtcRay ray_of(Vec3 origin, Vec3 direction, float limit, uint32_t id) {
    return {origin.x, origin.y, origin.z, 0.f, direction.x, direction.y, direction.z, 0.f, limit, 0xffffffffu, id, 0};
}

static inline Hit first_hit(const SceneView& scene, Vec3 origin, Vec3 direction, float limit, uint32_t id,
                            RtcArguments* args) {
    RtcRayHit query;
    query.ray = ray_of(origin, direction, limit, id);
    query.hit.geom_id = query.hit.inst_id = kRtcInvalid;
    scene.calls->intersect1(scene.accelerator, &query, args);
    if (query.hit.geom_id == kRtcInvalid) return {kInfinity, 0, 0, kNone};
    return {query.ray.tfar, query.hit.u, query.hit.v, triangle_of(scene, query.hit.geom_id, query.hit.prim_id)};
}

// What a smooth pane lets straight through.
static inline Vec3 pane_transmittance(const SceneView& scene, const Hit& hit, Vec3 direction) {
    const Triangle& triangle = scene.triangles[hit.triangle];
    const Material& material = scene.materials[triangle.material];
    if (material.kind != kPlate) return grey(0);
    const Surface s = surface_at(scene, hit.triangle, hit.u, hit.v, -direction);
    const float through = 1.f - pane_reflectance(saturate(dot(s.shading, -direction)), material.eta);
    return s.base * (s.transmission * through);
}

// How much light passes from `origin` along `direction` up to `limit`.
static inline Vec3 transmittance(const SceneView& scene, Vec3 origin, Vec3 direction, float limit, uint32_t id,
                                 RtcArguments* args) {
    if (!scene.has_plates) {
        RtcRay ray = ray_of(origin, direction, limit, id);
        scene.calls->occluded1(scene.accelerator, &ray, args);
        return ray.tfar < 0.f ? grey(0) : grey(1);
    }
    Vec3 passing = grey(1);
    for (int layer = 0; layer < kMaxLayers; ++layer) {
        const Hit hit = first_hit(scene, origin, direction, limit, id, args);
        if (hit.triangle == kNone) return passing;
        passing = passing * pane_transmittance(scene, hit, direction);
        if (black(passing)) return grey(0);
        const float step = hit.distance + step_off(scene, origin + direction * hit.distance);
        origin = origin + direction * step;
        limit -= step;
        if (!(limit > 0.f)) return passing;
    }
    return grey(0);
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
