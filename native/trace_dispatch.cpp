// Forwards the tracer's functions to the code for this machine's instruction set.
#include "isa.h"
#include "trace_kernels.h"

namespace nightproof {
namespace {

const TraceKernels& kernels() {
#ifdef NIGHTPROOF_X86
    switch (isa()) {
        case Isa::v4: return v4::kTrace;
        case Isa::v3: return v3::kTrace;
        default: break;
    }
#endif
    return baseline::kTrace;
}

}  // namespace

void trace_paths(const SceneView& scene, const PathSettings& settings, const PathStart* starts, size_t count,
                 PathResult* results) {
    kernels().trace_paths(scene, settings, starts, count, results);
}
void surface_points(const SceneView& scene, const SurfaceQuery* queries, size_t count, SurfaceAnswer* answers) {
    kernels().surface_points(scene, queries, count, answers);
}
void bsdf_values(const BsdfQuery& query, const float* directions, size_t count, float* values) {
    kernels().bsdf_values(query, directions, count, values);
}
void bsdf_samples(const BsdfQuery& query, Vec3 viewer, const float* uniforms, size_t count, float* samples) {
    kernels().bsdf_samples(query, viewer, uniforms, count, samples);
}
void sample_irradiance(const SceneView& scene, const float* points, const float* normals, const uint32_t* seeds,
                       uint32_t index, size_t count, float* out) {
    kernels().sample_irradiance(scene, points, normals, seeds, index, count, out);
}
void render_row(const SceneView& scene, const RenderJob& job, int row, float* out) {
    kernels().render_row(scene, job, row, out);
}
void viewer_row(const SceneView& scene, const CameraView& camera, int side, int left, int top, int width, int row,
                float* out) {
    kernels().viewer_row(scene, camera, side, left, top, width, row, out);
}
void preview_row(const SceneView& scene, const PreviewLight& light, const CameraView& camera, int side, int left, int top,
                 int width, int row, float* out) {
    kernels().preview_row(scene, light, camera, side, left, top, width, row, out);
}
void preview_pixels(const SceneView& scene, const PreviewLight& light, const CameraView& camera, int side,
                    const int32_t* places, size_t count, float* out) {
    kernels().preview_pixels(scene, light, camera, side, places, count, out);
}
void first_triangles(const SceneView& scene, const float* origins, const float* directions, size_t count, float* distances,
                     int32_t* triangles) {
    kernels().first_triangles(scene, origins, directions, count, distances, triangles);
}
void sobol_points(uint32_t seed, uint32_t pair, size_t count, float* out) {
    kernels().sobol_points(seed, pair, count, out);
}

}  // namespace nightproof
