// Bindings of the bake: texel cover, and (bake_light.h) the light on every texel.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/function.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "bake_light.h"
#include "bake_pack.h"
#include "bake_texels.h"
#include "parallel.h"

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

// A byte for each texel, by `touch_texels` or `count_centres`.
template <auto Kernel>
nb::object of_texels(const Points& uv, const Corners& corners, int width, int height) {
    check(uv, corners, width, height);
    std::vector<std::uint8_t> found(static_cast<std::size_t>(width) * height);
    {
        nb::gil_scoped_release free;
        Kernel(uv.data(), corners.data(), corners.shape(0), width, height, found.data());
    }
    return moved(std::move(found));
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

using Signed = nb::ndarray<const std::int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Image = nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Mask = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// A gather map and the arrays that it points into.
struct KeptMap {
    GatherMap map{};
    std::vector<const float*> radiance;
    std::vector<const std::uint8_t*> valid;
    std::vector<int> width, height;
};

void read_map(const SceneView& scene, const Signed& page, const Floats& uv, const Floats& near_m, const nb::list& images, const nb::list& masks,
              KeptMap& kept) {
    if (page.shape(0) != scene.triangle_count || page.shape(1) != 2 || uv.shape(0) != scene.triangle_count ||
        uv.shape(1) != 12 || near_m.shape(0) != scene.triangle_count || near_m.shape(1) != 2 ||
        nb::len(images) != nb::len(masks))
        throw nb::value_error("a gather map of another scene");
    for (std::size_t i = 0; i < nb::len(images); ++i) {
        const auto image = nb::cast<Image>(images[i]);
        const auto mask = nb::cast<Mask>(masks[i]);
        if (image.shape(2) != 3 || image.shape(0) != mask.shape(0) || image.shape(1) != mask.shape(1))
            throw nb::value_error("a gather map's mask has another size than its image");
        kept.radiance.push_back(image.data());
        kept.valid.push_back(mask.data());
        kept.height.push_back(static_cast<int>(image.shape(0)));
        kept.width.push_back(static_cast<int>(image.shape(1)));
    }
    for (std::size_t i = 0; i < page.shape(0) * 2; ++i)
        if (page.data()[i] >= static_cast<std::int32_t>(kept.radiance.size()))
            throw nb::index_error("a gather map's page is missing");
    kept.map = {page.data(), uv.data(), near_m.data(), kept.radiance.data(), kept.valid.data(), kept.width.data(), kept.height.data()};
}

std::vector<BakeCamera> read_cameras(const Floats& rows) {
    if (rows.shape(0) && rows.shape(1) != 14) throw nb::value_error("a camera has 14 numbers");
    std::vector<BakeCamera> cameras(rows.shape(0));
    for (std::size_t i = 0; i < cameras.size(); ++i) {
        const float* r = rows.data() + 14 * i;
        const auto vec = [&](int k) { return Vec3{r[k], r[k + 1], r[k + 2]}; };
        cameras[i] = {vec(0), vec(3), vec(6), vec(9), r[12], r[13]};
    }
    return cameras;
}

void check_texels(const SceneView& scene, const BakePage& page, const Corners& corners, const Numbers& triangle,
                  const BakeTexels& texels, std::size_t starts, std::size_t covered) {
    if (starts != texels.count + 1) throw nb::value_error("one start more than texels");
    if (triangle.shape(0) != corners.shape(0)) throw nb::value_error("one scene triangle per page triangle");
    for (std::size_t i = 0; i < triangle.shape(0); ++i)
        if (page.triangle[i] >= scene.triangle_count) throw nb::index_error("a triangle past the scene's");
    for (std::size_t i = 0; i < texels.count; ++i)
        if (texels.start[i] >= texels.start[i + 1] || texels.start[i + 1] > covered)
            throw nb::value_error("a texel without triangles");
    for (std::size_t i = 0; i < covered; ++i)
        if (texels.triangle[i] >= corners.shape(0)) throw nb::index_error("a texel's triangle past the page's");
}

template <typename T>
T* room(std::vector<T>& values, std::size_t count) {
    values.assign(count, T{});
    return values.data();
}

nb::dict light(const TraceScene& owner, const Points& uv, const Corners& corners, const Numbers& triangle,
               const Flags& back, int width, std::uint32_t number, const Numbers& texel, const Numbers& start,
               const Numbers& cover_triangle, const Floats& cameras, nb::object gather_map, const nb::dict& asked,
               bool moments, unsigned threads, const std::function<void(double)>& watch) {
    check(uv, corners, width, 32768);
    const SceneView& scene = owner.view();
    const BakePage page{uv.data(), corners.data(), triangle.data(), back.data(), static_cast<std::uint32_t>(width), number};
    const BakeTexels texels{texel.data(), start.data(), cover_triangle.data(), texel.shape(0)};
    check_texels(scene, page, corners, triangle, texels, start.shape(0), cover_triangle.shape(0));
    const std::vector<BakeCamera> viewers = read_cameras(cameras);
    KeptMap kept;
    nb::object page_array, uv_array, near_array;
    if (!gather_map.is_none()) {
        page_array = gather_map[nb::int_(0)];
        uv_array = gather_map[nb::int_(1)];
        near_array = gather_map[nb::int_(2)];
        read_map(scene, nb::cast<Signed>(page_array), nb::cast<Floats>(uv_array), nb::cast<Floats>(near_array),
                 nb::cast<nb::list>(gather_map[nb::int_(3)]), nb::cast<nb::list>(gather_map[nb::int_(4)]), kept);
    }
    BakeSettings settings{};
    settings.seed = nb::cast<std::uint32_t>(asked["seed"]);
    settings.least_samples = std::clamp(nb::cast<int>(asked["least_samples"]), 1, 4096);
    settings.most_samples = std::clamp(nb::cast<int>(asked["most_samples"]), settings.least_samples, 65535);
    settings.error = nb::cast<float>(asked["error"]);
    settings.floor = nb::cast<float>(asked["floor"]);
    settings.unseen = nb::cast<float>(asked["unseen"]);
    settings.near_m = nb::cast<float>(asked["near_m"]);
    settings.max_depth = nb::cast<int>(asked["max_depth"]);
    settings.first_roulette = std::max(nb::cast<int>(asked["first_roulette"]), 1);
    settings.without_emission = nb::cast<bool>(asked["without_emission"]);
    settings.irradiance = nb::cast<bool>(asked["irradiance"]);
    const std::size_t n = texels.count;
    std::vector<float> radiance, albedo, error, sums;
    std::vector<std::uint16_t> seen, samples;
    std::vector<std::uint8_t> valid;
    const BakeResult result{room(radiance, 3 * n), room(albedo, 3 * n), room(error, n), room(seen, n),
                            room(valid, n),        room(samples, n),    moments ? room(sums, n * kMoments) : nullptr};
    parallel_for((n + kBakeBlock - 1) / kBakeBlock, threads, [&](std::size_t block) {
        const std::size_t first = block * kBakeBlock;
        bake_block(scene, page, texels, first, std::min(first + kBakeBlock, n), viewers,
                   kept.map.page ? &kept.map : nullptr, settings, result);
    }, watch);
    nb::dict found;
    found["radiance"] = moved(std::move(radiance));
    found["albedo"] = moved(std::move(albedo));
    found["error"] = moved(std::move(error));
    found["seen"] = moved(std::move(seen));
    found["valid"] = moved(std::move(valid));
    found["samples"] = moved(std::move(samples));
    found["moments"] = moved(std::move(sums));
    return found;
}

nb::tuple detail(const TraceScene& owner, const Points& uv, const Corners& corners, const Numbers& triangle,
                 const Flags& back, int width, std::uint32_t number, const Numbers& texel, const Numbers& start,
                 const Numbers& cover_triangle, int samples, unsigned threads) {
    check(uv, corners, width, 32768);
    if (samples < 1 || samples > 1024) throw nb::value_error("samples out of range");
    const SceneView& scene = owner.view();
    const BakePage page{uv.data(), corners.data(), triangle.data(), back.data(), static_cast<std::uint32_t>(width), number};
    const BakeTexels texels{texel.data(), start.data(), cover_triangle.data(), texel.shape(0)};
    check_texels(scene, page, corners, triangle, texels, start.shape(0), cover_triangle.shape(0));
    const std::size_t n = texels.count, block = 1024;
    std::vector<float> colour, place;
    std::vector<std::uint32_t> local;
    const BakeDetail result{room(colour, 3 * n), room(local, n), room(place, 2 * n)};
    parallel_for((n + block - 1) / block, threads, [&](std::size_t i) {
        detail_block(scene, page, texels, i * block, std::min((i + 1) * block, n), samples, result);
    });
    return nb::make_tuple(moved(std::move(colour)), moved(std::move(local)), moved(std::move(place)));
}

}  // namespace

void bind_bake(nb::module_& m) {
    m.def("bake_cover", &cover, nb::arg("uv"), nb::arg("corners"), nb::arg("width"), nb::arg("height"));
    m.def("bake_touched", &of_texels<touch_texels>, nb::arg("uv"), nb::arg("corners"), nb::arg("width"), nb::arg("height"));
    m.def("bake_count_centres", &of_texels<count_centres>, nb::arg("uv"), nb::arg("corners"), nb::arg("width"), nb::arg("height"));
    m.def("bake_pack", &pack, nb::arg("uv"), nb::arg("corners"), nb::arg("chart"), nb::arg("charts"), nb::arg("width"),
          nb::arg("height"), nb::arg("padding"));
    m.def("bake_light", &light, nb::arg("scene"), nb::arg("uv"), nb::arg("corners"), nb::arg("triangle"), nb::arg("back"),
          nb::arg("width"), nb::arg("number"), nb::arg("texel"), nb::arg("start"), nb::arg("cover_triangle"),
          nb::arg("cameras"), nb::arg("gather_map").none(), nb::arg("settings"), nb::arg("moments"), nb::arg("threads"),
          nb::arg("watch").none());
    m.def("bake_detail", &detail, nb::arg("scene"), nb::arg("uv"), nb::arg("corners"), nb::arg("triangle"), nb::arg("back"),
          nb::arg("width"), nb::arg("number"), nb::arg("texel"), nb::arg("start"), nb::arg("cover_triangle"),
          nb::arg("samples"), nb::arg("threads"));
}
