// The path tracer's functions per instruction set: native/isa/trace.cpp fills one table for each, native/trace_dispatch.cpp
// picks.
#pragma once
#include "tracer.h"

namespace nightproof {

struct TraceKernels {
    void (*trace_paths)(const SceneView&, const PathSettings&, const PathStart*, size_t, PathResult*);
    void (*surface_points)(const SceneView&, const SurfaceQuery*, size_t, SurfaceAnswer*);
    void (*bsdf_values)(const BsdfQuery&, const float*, size_t, float*);
    void (*bsdf_samples)(const BsdfQuery&, Vec3, const float*, size_t, float*);
    void (*sample_irradiance)(const SceneView&, const float*, const float*, const uint32_t*, uint32_t, size_t, float*);
    void (*render_row)(const SceneView&, const RenderJob&, int, float*);
    void (*viewer_row)(const SceneView&, const CameraView&, int, int, int, int, int, float*);
    void (*preview_row)(const SceneView&, const PreviewLight&, const CameraView&, int, int, int, int, int, float*);
    void (*preview_pixels)(const SceneView&, const PreviewLight&, const CameraView&, int, const int32_t*, size_t, float*);
    void (*first_triangles)(const SceneView&, const float*, const float*, size_t, float*, int32_t*);
    void (*sobol_points)(uint32_t, uint32_t, size_t, float*);
};

namespace baseline {
extern const TraceKernels kTrace;
}
#ifdef NIGHTPROOF_X86
namespace v3 {
extern const TraceKernels kTrace;
}
namespace v4 {
extern const TraceKernels kTrace;
}
#endif

}  // namespace nightproof
