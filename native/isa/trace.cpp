// The path tracer, compiled once per instruction set. No templates of the standard library in here: their instances
// could replace portable ones when linking.
#include "trace_kernels.h"
#include "trace_preview.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {
namespace {

void trace_all(const SceneView& scene, const PathSettings& settings, const PathStart* starts, size_t count,
               PathResult* results) {
    for (size_t i = 0; i < count; i += kPathBatch) {
        const size_t left = count - i;
        trace_batch(scene, settings, starts + i, static_cast<uint32_t>(left < kPathBatch ? left : kPathBatch), results + i);
    }
}

void surface_points(const SceneView& scene, const SurfaceQuery* queries, size_t count, SurfaceAnswer* answers) {
    for (size_t i = 0; i < count; ++i) {
        const SurfaceQuery& q = queries[i];
        const Surface s = surface_at(scene, q.triangle, q.u, q.v, -q.direction);
        const Triangle& triangle = scene.triangles[q.triangle];
        const Vec3 glow = s.front || s.material->double_sided ? emission(scene, triangle, s.w, *s.material, -q.direction)
                                                             : grey(0);
        answers[i] = {s.position, s.normal, s.shading, s.base, glow, opacity(scene, triangle, s.w, *s.material),
                      s.roughness, s.metallic};
    }
}

Bsdf bsdf_of(const BsdfQuery& q) {
    return {q.kind, q.base_color, q.roughness, high(q.roughness * q.roughness, kLeastAlpha), q.metallic, q.transmission,
            q.inside ? 1.f / q.eta : q.eta, q.inside};
}

Layers layers_of(const BsdfQuery& q) {
    Layers l{};
    if (q.kind != kLayered) return l;
    set_grain(l, high(q.roughness * q.roughness, kLeastAlpha), q.grain);
    set_sheen(l, q.sheen, q.sheen_roughness);
    set_coat(l, q.coat, q.coat_roughness, normalize(q.coat_normal));
    set_specular(l, q.specular, q.specular_color);
    set_film(l, q.film, q.film_ior, q.film_nm);
    set_passing(l, q.passing, q.passing_color);
    return l;
}

Opaques opaques_of(const BsdfQuery& q) {
    Opaques b;
    b.lambert = all(q.kind == kLambert ? -1 : 0);
    b.plain = q.kind == kLambert;
    b.base = {all(q.base_color.x), all(q.base_color.y), all(q.base_color.z)};
    b.roughness = all(q.roughness);
    b.alpha = high(b.roughness * b.roughness, kLeastAlpha);
    b.metallic = all(q.metallic);
    b.eta = all(q.eta);
    return b;
}

// Component k of lanes i … of an array of `stride` numbers each; lanes beyond `count` read the last.
Floats column(const float* from, size_t stride, size_t i, size_t count, size_t k) {
    return floats([&](size_t lane) { return from[stride * (i + lane < count ? i + lane : count - 1) + k]; });
}

void wide_values(const BsdfQuery& query, const float* d, size_t count, float* values) {
    Opaques b = opaques_of(query);
    for (size_t i = 0; i < count; i += kWide) {
        const auto at = [&](size_t k) { return column(d, 6, i, count, k); };
        see_from(b, {at(0), at(1), at(2)});
        const Values value = bsdf_value(b, {at(3), at(4), at(5)});
        const Floats out[4] = {value.f.x, value.f.y, value.f.z, value.pdf};
        for (size_t lane = 0; lane < kWide && i + lane < count; ++lane)
            for (int k = 0; k < 4; ++k) values[4 * (i + lane) + k] = out[k][lane];
    }
}

void wide_samples(const BsdfQuery& query, Vec3 viewer, const float* u, size_t count, float* samples) {
    Opaques b = opaques_of(query);
    see_from(b, {all(viewer.x), all(viewer.y), all(viewer.z)});
    for (size_t i = 0; i < count; i += kWide) {
        const auto at = [&](size_t k) { return column(u, 3, i, count, k); };
        const Scatterings s = bsdf_sample(b, at(0), {at(1), at(2)});
        const Floats out[7] = {s.direction.x, s.direction.y, s.direction.z, s.weight.x, s.weight.y, s.weight.z, s.pdf};
        for (size_t lane = 0; lane < kWide && i + lane < count; ++lane)
            for (int k = 0; k < 7; ++k) samples[7 * (i + lane) + k] = out[k][lane];
    }
}

void bsdf_values(const BsdfQuery& query, const float* directions, size_t count, float* values) {
    if (query.wide) return wide_values(query, directions, count, values);
    const Bsdf b = bsdf_of(query);
    const Layers layers = layers_of(query);
    for (size_t i = 0; i < count; ++i) {
        const float* d = directions + 6 * i;
        const Vec3 wi = vec(d[0], d[1], d[2]);
        const Value value = scattering(b, layers, wi, vec(d[3], d[4], d[5]), lobe_odds(b, layers, wi));
        const float out[4] = {value.f.x, value.f.y, value.f.z, value.pdf};
        for (int k = 0; k < 4; ++k) values[4 * i + k] = out[k];
    }
}

void bsdf_samples(const BsdfQuery& query, Vec3 viewer, const float* uniforms, size_t count, float* samples) {
    if (query.wide) return wide_samples(query, viewer, uniforms, count, samples);
    const Bsdf b = bsdf_of(query);
    const Layers layers = layers_of(query);
    const Odds lobes = lobe_odds(b, layers, viewer);
    for (size_t i = 0; i < count; ++i) {
        const float* u = uniforms + 3 * i;
        const Scattered s = scatter(b, layers, viewer, lobes, u[0], {u[1], u[2]});
        const float out[7] = {s.direction.x, s.direction.y, s.direction.z, s.weight.x, s.weight.y, s.weight.z, s.pdf};
        for (int k = 0; k < 7; ++k) samples[7 * i + k] = out[k];
    }
}

void sample_irradiance(const SceneView& scene, const float* points, const float* normals, const uint32_t* seeds,
                       uint32_t index, size_t count, float* out) {
    RtcArguments arguments = filter_arguments();
    RtcArguments* args = scene.has_filters ? &arguments : nullptr;
    for (size_t i = 0; i < count; ++i) {
        const Vec3 p{points[3 * i], points[3 * i + 1], points[3 * i + 2]};
        const Vec3 n{normals[3 * i], normals[3 * i + 1], normals[3 * i + 2]};
        const Receiver at{p, n};
        const LightSample light = sample_light(scene, at, sobol_pair(seeds[i], index, 1).y, sobol_pair(seeds[i], index, 2));
        Vec3 sum = grey(0);
        const float cosine = dot(n, light.direction);
        if (light.pdf > 0.f && cosine > 0.f) {
            const float step = step_off(scene, p);
            const float limit = light.distance < kInfinity ? light.distance * (1.f - 1e-4f) - 2.f * step : kInfinity;
            const uint32_t id = mix(mix(seeds[i], index));
            sum = light.radiance * (cosine / light.pdf) *
                  transmittance(scene, p + n * step, light.direction, limit, id, args);
        }
        if (!finite(sum)) sum = grey(0);
        out[3 * i] = sum.x;
        out[3 * i + 1] = sum.y;
        out[3 * i + 2] = sum.z;
    }
}

void first_triangles(const SceneView& scene, const float* origins, const float* directions, size_t count, float* distances,
                     int32_t* triangles) {
    for (size_t i = 0; i < count; ++i) {
        const float *o = origins + 3 * i, *d = directions + 3 * i;
        const Hit hit = first_hit(scene, {o[0], o[1], o[2]}, {d[0], d[1], d[2]}, kInfinity, 0, nullptr);
        distances[i] = hit.distance;
        triangles[i] = hit.triangle == kNone ? -1 : static_cast<int32_t>(hit.triangle);
    }
}

void sobol_points(uint32_t seed, uint32_t pair, size_t count, float* out) {
    for (size_t i = 0; i < count; ++i) {
        const Pair p = sobol_pair(seed, static_cast<uint32_t>(i), pair);
        out[2 * i] = p.x;
        out[2 * i + 1] = p.y;
    }
}

}  // namespace

extern const TraceKernels kTrace;
const TraceKernels kTrace = {trace_all,         surface_points, bsdf_values, bsdf_samples,
                             sample_irradiance, render_row,     viewer_row,  preview_row,  preview_pixels, first_triangles,
                             sobol_points};

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
