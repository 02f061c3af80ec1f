// Rays against a triangle soup for everyone who needs visibility and no shading: `kernels/rays.py`.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "embree_abi.h"
#include "parallel.h"

namespace nb = nanobind;

namespace nightproof {
namespace {

constexpr size_t kRaysPerItem = 4096;

using Points = nb::ndarray<const float, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
using Indices = nb::ndarray<const uint32_t, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;
using Limits = nb::ndarray<const float, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Out = nb::ndarray<T, nb::shape<-1>, nb::c_contig, nb::device::cpu>;
using OutPairs = nb::ndarray<float, nb::shape<-1, 2>, nb::c_contig, nb::device::cpu>;

class RayScene {
public:
    RayScene(const std::string& library, Points positions, Indices triangles)
        : calls_(embree(library.c_str())),
          scene_(calls_, positions.data(), positions.shape(0), triangles.data(), triangles.shape(0), nullptr, nullptr,
                 kRtcSceneRobust) {}

    void closest(Points origins, Points directions, Limits limits, Out<float> distance, Out<int32_t> triangle,
                 OutPairs uv, unsigned threads) const {
        each(origins, directions, limits, threads, [&](const RtcRay& ray, bool usable, size_t i) {
            RtcRayHit query{};
            query.ray = ray;
            query.hit.geom_id = kRtcInvalid;
            if (usable) calls_.intersect1(scene_.handle(), &query, nullptr);
            const bool hit = query.hit.geom_id != kRtcInvalid;
            distance.data()[i] = hit ? query.ray.tfar : std::numeric_limits<float>::infinity();
            triangle.data()[i] = hit ? static_cast<int32_t>(query.hit.prim_id) : -1;
            uv.data()[2 * i] = hit ? query.hit.u : 0.f;
            uv.data()[2 * i + 1] = hit ? query.hit.v : 0.f;
        });
    }

    void occluded(Points origins, Points directions, Limits limits, Out<uint8_t> blocked, unsigned threads) const {
        each(origins, directions, limits, threads, [&](RtcRay ray, bool usable, size_t i) {
            if (usable) calls_.occluded1(scene_.handle(), &ray, nullptr);
            blocked.data()[i] = usable && ray.tfar < 0.f;  // Embree says −∞ for occluded
        });
    }

private:
    template <class F>
    void each(const Points& origins, const Points& directions, const Limits& limits, unsigned threads, F&& f) const {
        const size_t count = origins.shape(0);
        const float *from = origins.data(), *along = directions.data(), *limit = limits.data();
        parallel_for((count + kRaysPerItem - 1) / kRaysPerItem, threads, [&](size_t item) {
            const size_t end = std::min(count, (item + 1) * kRaysPerItem);
            for (size_t i = item * kRaysPerItem; i < end; ++i) {
                const float *o = from + 3 * i, *d = along + 3 * i;
                const float sum = o[0] + o[1] + o[2] + d[0] + d[1] + d[2];  // NaN or infinite if any of them is
                const bool usable = std::isfinite(sum) && limit[i] >= 0.f && (d[0] != 0 || d[1] != 0 || d[2] != 0);
                f(RtcRay{o[0], o[1], o[2], 0.f, d[0], d[1], d[2], 0.f, limit[i], 0xffffffffu, 0, 0}, usable, i);
            }
        });
    }

    const EmbreeCalls& calls_;
    TriangleScene scene_;
};

}  // namespace
}  // namespace nightproof

void bind_trace_rays(nb::module_& m) {
    using nightproof::RayScene;
    nb::class_<RayScene>(m, "RayScene", "Triangles ready for visibility queries; see nightproof.kernels.rays.")
        .def(nb::init<const std::string&, nightproof::Points, nightproof::Indices>())
        .def("closest", &RayScene::closest)
        .def("occluded", &RayScene::occluded);
}
