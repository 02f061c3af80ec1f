// Bindings of the bake: texel cover, and (bake_light.h) the light on every texel.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "bake_pack.h"
#include "bake_texels.h"

namespace nb = nanobind;
using namespace nightproof;

namespace {

using Points = nb::ndarray<const float, nb::shape<-1, 2>, nb::c_contig, nb::device::cpu>;
using Corners = nb::ndarray<const std::uint32_t, nb::shape<-1, 3>, nb::c_contig, nb::device::cpu>;

template <typename T>
nb::object moved(std::vector<T>&& values) {
    auto* kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, T>(kept->data(), {kept->size()}, owner));
}

void check(const Points& uv, const Corners& corners, int width, int height) {
    if (width < 1 || height < 1 || width > 32768 || height > 32768) throw nb::value_error("page size out of range");
    const std::size_t count = uv.shape(0);
    for (std::size_t i = 0; i < corners.shape(0) * 3; ++i)
        if (corners.data()[i] >= count) throw nb::index_error("a corner points past the vertices");
    for (std::size_t i = 0; i < count * 2; ++i)
        if (!(uv.data()[i] > -1e6f && uv.data()[i] < 1e6f)) throw nb::value_error("a texel coordinate is out of range");
}

nb::tuple cover(const Points& uv, const Corners& corners, int width, int height) {
    check(uv, corners, width, height);
    TexelCover found;
    {
        nb::gil_scoped_release free;
        found = cover_texels(uv.data(), corners.data(), corners.shape(0), width, height);
    }
    return nb::make_tuple(moved(std::move(found.texel)), moved(std::move(found.start)), moved(std::move(found.triangle)));
}

nb::object centres(const Points& uv, const Corners& corners, int width, int height) {
    check(uv, corners, width, height);
    std::vector<std::uint8_t> counts(static_cast<std::size_t>(width) * height);
    {
        nb::gil_scoped_release free;
        count_centres(uv.data(), corners.data(), corners.shape(0), width, height, counts.data());
    }
    return moved(std::move(counts));
}

using Numbers = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::tuple pack(const Points& uv, const Corners& corners, const Numbers& chart, std::size_t charts, int width, int height,
               int padding) {
    check(uv, corners, width, height);
    if (padding < 0 || padding > 64) throw nb::value_error("padding out of range");
    if (chart.shape(0) != corners.shape(0)) throw nb::value_error("one chart number per triangle");
    for (std::size_t i = 0; i < chart.shape(0); ++i)
        if (chart.data()[i] >= charts) throw nb::index_error("a chart number past the charts");
    for (std::size_t i = 0; i < uv.shape(0) * 2; ++i)
        if (!(uv.data()[i] > -1.f && uv.data()[i] < 65536.f)) throw nb::value_error("a chart leaves its quadrant");
    Packing packing;
    {
        nb::gil_scoped_release free;
        packing = pack_charts(uv.data(), corners.data(), chart.data(), corners.shape(0), charts, width, height, padding);
    }
    std::vector<std::int32_t> flat;
    flat.reserve(3 * packing.place.size());
    for (const ChartPlace& place : packing.place) flat.insert(flat.end(), {place.x, place.y, place.page});
    return nb::make_tuple(moved(std::move(flat)), moved(std::move(packing.page_height)));
}

}  // namespace

void bind_bake(nb::module_& m) {
    m.def("bake_cover", &cover, nb::arg("uv"), nb::arg("corners"), nb::arg("width"), nb::arg("height"));
    m.def("bake_count_centres", &centres, nb::arg("uv"), nb::arg("corners"), nb::arg("width"), nb::arg("height"));
    m.def("bake_pack", &pack, nb::arg("uv"), nb::arg("corners"), nb::arg("chart"), nb::arg("charts"), nb::arg("width"),
          nb::arg("height"), nb::arg("padding"));
}
