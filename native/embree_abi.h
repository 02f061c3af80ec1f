// The few parts of Embree 4's C interface that nightproof calls, declared here because the library comes inside a
// Python wheel without its headers. The layouts are those of the public API documentation (rtcore_ray.h and friends,
// major version 4); `EmbreeLibrary` refuses every other major version. Structures that Embree may extend in a minor
// version carry spare room at the end, so that a newer library never writes past them.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nightproof {

using RtcDevice = void*;
using RtcScene = void*;
using RtcGeometry = void*;

constexpr uint32_t kRtcInvalid = 0xffffffffu;
constexpr int kRtcGeometryTriangle = 0;
constexpr int kRtcBufferIndex = 0;
constexpr int kRtcBufferVertex = 1;
constexpr int kRtcFormatUint3 = 0x5003;
constexpr int kRtcFormatFloat3 = 0x9003;
constexpr int kRtcQualityMedium = 1, kRtcQualityHigh = 2;
constexpr int kRtcSceneCompact = 1 << 1;
constexpr int kRtcSceneRobust = 1 << 2;
constexpr int kRtcSceneFilterInArguments = 1 << 3;
constexpr int kRtcPropertyVersionMajor = 1;
constexpr int kRtcQueryCoherent = 1 << 16;

struct alignas(16) RtcRay {
    float org_x, org_y, org_z, tnear;
    float dir_x, dir_y, dir_z, time;
    float tfar;
    uint32_t mask, id, flags;
};

struct alignas(16) RtcHit {
    float ng_x, ng_y, ng_z;  // not normalised
    float u, v;
    uint32_t prim_id, geom_id, inst_id;
    uint32_t spare[8];  // instPrimID and whatever follows it
};

struct alignas(16) RtcRayHit {
    RtcRay ray;
    RtcHit hit;
};

struct alignas(32) RtcRay8 {
    float org_x[8], org_y[8], org_z[8], tnear[8];
    float dir_x[8], dir_y[8], dir_z[8], time[8];
    float tfar[8];
    uint32_t mask[8], id[8], flags[8];
};

struct alignas(32) RtcHit8 {
    float ng_x[8], ng_y[8], ng_z[8];
    float u[8], v[8];
    uint32_t prim_id[8], geom_id[8], inst_id[8];
    uint32_t spare[4][8];
};

struct alignas(32) RtcRayHit8 {
    RtcRay8 ray;
    RtcHit8 hit;
};

struct RtcFilterArguments {
    int* valid;  // -1: a candidate; set to 0 to look through it
    void* geometry_user;
    void* context;
    void* ray;  // N rays, structure of arrays
    void* hit;
    unsigned int count;
};
using RtcFilter = void (*)(const RtcFilterArguments*);

struct RtcQueryContext {
    uint32_t stack[16];  // instance ids, all invalid at the start
};

struct RtcArguments {
    int flags;
    unsigned int features;
    RtcQueryContext* context;
    RtcFilter filter;
    void* intersect;
    void* spare[6];
};

// The functions, found by name in the library. Plain pointers: hot code calls them without another indirection.
struct EmbreeCalls {
    RtcDevice (*new_device)(const char*);
    void (*release_device)(RtcDevice);
    int (*device_error)(RtcDevice);
    ptrdiff_t (*device_property)(RtcDevice, int);
    RtcScene (*new_scene)(RtcDevice);
    void (*release_scene)(RtcScene);
    void (*commit_scene)(RtcScene);
    void (*scene_quality)(RtcScene, int);
    void (*scene_flags)(RtcScene, int);
    unsigned int (*attach_geometry)(RtcScene, RtcGeometry);
    RtcGeometry (*new_geometry)(RtcDevice, int);
    void (*release_geometry)(RtcGeometry);
    void (*commit_geometry)(RtcGeometry);
    void (*geometry_quality)(RtcGeometry, int);
    void* (*new_buffer)(RtcGeometry, int, unsigned int, int, size_t, size_t);
    void (*geometry_user)(RtcGeometry, void*);
    void (*filter_from_arguments)(RtcGeometry, bool);
    void (*intersect1)(RtcScene, RtcRayHit*, RtcArguments*);
    void (*occluded1)(RtcScene, RtcRay*, RtcArguments*);
    void (*intersect8)(const int*, RtcScene, RtcRayHit8*, RtcArguments*);
    void (*occluded8)(const int*, RtcScene, RtcRay8*, RtcArguments*);
};

// Loads the library at `path` once per process and keeps it; throws std::runtime_error that says what is wrong.
const EmbreeCalls& embree(const char* path);

// One device and one committed scene of triangles in one or two geometries. Not copyable.
class TriangleScene {
public:
    // `flags` are scene flags. Triangles with `filtered[i]` set go into a second geometry whose hits are shown to the
    // filter given in the query's arguments; `filtered` may be null. `user` is what the filter gets to see. `quality` of the
    // structure: high takes three times as long to build, and rays through it a little less.
    TriangleScene(const EmbreeCalls& calls, const float* positions, size_t vertices, const uint32_t* triangles,
                  size_t count, const uint8_t* filtered, void* user, int flags, int quality = kRtcQualityHigh);
    ~TriangleScene();
    TriangleScene(const TriangleScene&) = delete;
    TriangleScene& operator=(const TriangleScene&) = delete;

    RtcScene handle() const { return scene_; }
    // order(g)[p] is the triangle of primitive p of geometry g; null where geometry 0 holds all triangles in order.
    const uint32_t* order(unsigned int geometry) const { return order_[geometry]; }

private:
    void add(const float*, size_t, const uint32_t*, const uint32_t* chosen, size_t count, void* user, bool filtered, int quality);
    void check(const char* doing) const;
    void release();

    const EmbreeCalls& calls_;
    RtcDevice device_ = nullptr;
    RtcScene scene_ = nullptr;
    uint32_t* order_[2] = {nullptr, nullptr};
};

}  // namespace nightproof
