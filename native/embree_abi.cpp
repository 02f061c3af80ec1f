#include "embree_abi.h"

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace nightproof {
namespace {

void* open_library(const char* path) {
#ifdef _WIN32
    return reinterpret_cast<void*>(LoadLibraryExA(path, nullptr, LOAD_WITH_ALTERED_SEARCH_PATH));
#else
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
#endif
}

void* find_symbol(void* library, const char* name) {
#ifdef _WIN32
    return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
#else
    return dlsym(library, name);
#endif
}

std::string why_not_opened() {
#ifdef _WIN32
    return "error " + std::to_string(GetLastError());
#else
    const char* text = dlerror();
    return text ? text : "unknown reason";
#endif
}

template <class F>
void bind(void* library, const char* name, F& target) {
    void* symbol = find_symbol(library, name);
    if (!symbol) throw std::runtime_error(std::string("Embree library lacks ") + name);
    static_assert(sizeof(symbol) == sizeof(target), "function pointers are data pointers here");
    std::memcpy(&target, &symbol, sizeof symbol);
}

void refuse_other_versions(const EmbreeCalls& calls) {
    RtcDevice device = calls.new_device("threads=1");
    if (!device) throw std::runtime_error("Embree refuses to make a device on this processor");
    const ptrdiff_t major = calls.device_property(device, kRtcPropertyVersionMajor);
    calls.release_device(device);
    if (major != 4) throw std::runtime_error("Embree major version 4 needed, found " + std::to_string(major));
}

std::unique_ptr<EmbreeCalls> load(const char* path) {
    void* library = open_library(path);
    if (!library) throw std::runtime_error("cannot load Embree: " + why_not_opened());
    auto calls = std::make_unique<EmbreeCalls>();
    bind(library, "rtcNewDevice", calls->new_device);
    bind(library, "rtcReleaseDevice", calls->release_device);
    bind(library, "rtcGetDeviceError", calls->device_error);
    bind(library, "rtcGetDeviceProperty", calls->device_property);
    bind(library, "rtcNewScene", calls->new_scene);
    bind(library, "rtcReleaseScene", calls->release_scene);
    bind(library, "rtcJoinCommitScene", calls->commit_scene);
    bind(library, "rtcSetSceneBuildQuality", calls->scene_quality);
    bind(library, "rtcSetSceneFlags", calls->scene_flags);
    bind(library, "rtcAttachGeometry", calls->attach_geometry);
    bind(library, "rtcNewGeometry", calls->new_geometry);
    bind(library, "rtcReleaseGeometry", calls->release_geometry);
    bind(library, "rtcCommitGeometry", calls->commit_geometry);
    bind(library, "rtcSetGeometryBuildQuality", calls->geometry_quality);
    bind(library, "rtcSetNewGeometryBuffer", calls->new_buffer);
    bind(library, "rtcSetGeometryUserData", calls->geometry_user);
    bind(library, "rtcSetGeometryEnableFilterFunctionFromArguments", calls->filter_from_arguments);
    bind(library, "rtcIntersect1", calls->intersect1);
    bind(library, "rtcOccluded1", calls->occluded1);
    bind(library, "rtcIntersect8", calls->intersect8);
    bind(library, "rtcOccluded8", calls->occluded8);
    refuse_other_versions(*calls);
    return calls;
}

}  // namespace

const EmbreeCalls& embree(const char* path) {
    static std::mutex guard;
    static std::map<std::string, std::unique_ptr<EmbreeCalls>> loaded;  // never unloaded: scenes point into it
    const std::lock_guard<std::mutex> lock(guard);
    auto& calls = loaded[path];
    if (!calls) calls = load(path);
    return *calls;
}

TriangleScene::TriangleScene(const EmbreeCalls& calls, const float* positions, size_t vertices,
                             const uint32_t* triangles, size_t count, const uint8_t* filtered, void* user, int flags, int quality)
    : calls_(calls) {
    // One build thread: Embree's parallel builder may arrange equal costs differently from run to run, and ties
    // between coplanar triangles would then change the image.
    device_ = calls_.new_device("threads=1");
    if (!device_) throw std::runtime_error("Embree refuses to make a device");
    try {
        scene_ = calls_.new_scene(device_);
        calls_.scene_flags(scene_, flags | (filtered ? kRtcSceneFilterInArguments : 0));
        calls_.scene_quality(scene_, quality);
        std::vector<uint32_t> chosen[2];
        for (auto& part : chosen) part.reserve(filtered ? count / 2 : 0);
        if (filtered)
            for (size_t i = 0; i < count; ++i) chosen[filtered[i] ? 1 : 0].push_back(static_cast<uint32_t>(i));
        if (!filtered || chosen[1].empty()) {
            add(positions, vertices, triangles, nullptr, count, user, false, quality);
        } else {
            for (int part = 0; part < 2; ++part) {
                order_[part] = new uint32_t[chosen[part].size() + 1];
                std::memcpy(order_[part], chosen[part].data(), chosen[part].size() * sizeof(uint32_t));
                add(positions, vertices, triangles, order_[part], chosen[part].size(), user, part == 1, quality);
            }
        }
        // Joining, this thread builds by itself. The plain commit goes through an arena, after which a worker of TBB
        // may ask for work, yielding all the while, until the scene is released: a whole core for nothing.
        calls_.commit_scene(scene_);
        check("building the acceleration structure");
    } catch (...) {
        release();
        throw;
    }
}

void TriangleScene::add(const float* positions, size_t vertices, const uint32_t* triangles, const uint32_t* chosen,
                        size_t count, void* user, bool filtered, int quality) {
    RtcGeometry geometry = calls_.new_geometry(device_, kRtcGeometryTriangle);
    // Embree reads 16 bytes per vertex: it pads buffers that it allocates itself.
    void* vertex = calls_.new_buffer(geometry, kRtcBufferVertex, 0, kRtcFormatFloat3, 12, vertices ? vertices : 1);
    void* index = calls_.new_buffer(geometry, kRtcBufferIndex, 0, kRtcFormatUint3, 12, count ? count : 1);
    if (!vertex || !index) {
        calls_.release_geometry(geometry);
        check("allocating triangles");
        throw std::runtime_error("Embree could not allocate the triangles");
    }
    if (vertices) std::memcpy(vertex, positions, vertices * 12);
    else std::memset(vertex, 0, 12);
    auto* out = static_cast<uint32_t*>(index);
    if (!count) std::memset(out, 0, 12);  // one degenerate triangle, never hit
    for (size_t i = 0; i < count; ++i) std::memcpy(out + 3 * i, triangles + 3 * size_t(chosen ? chosen[i] : i), 12);
    calls_.geometry_quality(geometry, quality);
    calls_.geometry_user(geometry, user);
    if (filtered) calls_.filter_from_arguments(geometry, true);
    calls_.commit_geometry(geometry);
    calls_.attach_geometry(scene_, geometry);
    calls_.release_geometry(geometry);
}

void TriangleScene::check(const char* doing) const {
    if (const int error = calls_.device_error(device_))
        throw std::runtime_error("Embree error " + std::to_string(error) + " while " + doing);
}

TriangleScene::~TriangleScene() { release(); }

void TriangleScene::release() {
    if (scene_) calls_.release_scene(scene_);
    if (device_) calls_.release_device(device_);
    delete[] order_[0];
    delete[] order_[1];
}

}  // namespace nightproof
