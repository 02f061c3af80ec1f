// Rays of a pinhole camera, box-filtered pixels.
#pragma once
#include "trace_wide_paths.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

struct CameraRay {
    Vec3 origin, direction;
};

// Through image position (x, y) in pixels, the first pixel's centre at (½, ½). Starts on the near plane.
static inline CameraRay camera_ray(const CameraView& camera, float x, float y) {
    const float px = (2.f * x / camera.width - 1.f) * camera.half_width;
    const float py = (1.f - 2.f * y / camera.height) * camera.half_height;
    const Vec3 along = camera.right * px + camera.up * py - camera.backward;
    return {camera.position + along * camera.near, normalize(along)};
}

static inline uint32_t pixel_seed(uint32_t seed, int width, int x, int y) {
    return mix(mix(seed ^ 0x9e3779b9u), static_cast<uint32_t>(y) * static_cast<uint32_t>(width) + static_cast<uint32_t>(x));
}

static inline void add(float* pixel, const PathResult& r) {
    const Vec3 parts[3] = {r.radiance, r.albedo, r.normal};
    for (int i = 0; i < 3; ++i) {
        pixel[3 * i] += parts[i].x;
        pixel[3 * i + 1] += parts[i].y;
        pixel[3 * i + 2] += parts[i].z;
    }
    pixel[9] += square((r.radiance.x + r.radiance.y + r.radiance.z) * (1.f / 3));
}

static void render_row(const SceneView& scene, const RenderJob& job, int row, float* out) {
    PathStart starts[kPathBatch];
    PathResult results[kPathBatch];
    uint32_t pixels[kPathBatch];
    uint32_t filled = 0;
    const int y = job.top + row;
    const auto flush = [&] {
        trace_batch(scene, job.settings, starts, filled, results);
        for (uint32_t i = 0; i < filled; ++i) add(out + size_t(kPixelFloats) * pixels[i], results[i]);
        filled = 0;
    };
    for (int column = 0; column < job.width; ++column) {
        const int x = job.left + column;
        const uint32_t seed = pixel_seed(job.seed, job.camera.width, x, y);
        for (uint32_t sample = 0; sample < job.samples; ++sample) {
            const uint32_t index = job.first_sample + sample;
            const Pair jitter = sobol_pair(seed, index, 0);
            const CameraRay ray = camera_ray(job.camera, x + jitter.x, y + jitter.y);
            starts[filled] = {ray.origin, ray.direction, kNone, 0, 0, seed, index};
            pixels[filled++] = static_cast<uint32_t>(column);
            if (filled == kPathBatch) flush();
        }
    }
    if (filled) flush();
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
