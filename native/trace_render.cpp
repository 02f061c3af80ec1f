// Images for Python: path traced and as a viewer shows them, rows over threads.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/function.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "parallel.h"
#include "tracer.h"

namespace nb = nanobind;

namespace nightproof {
namespace {

using Matrix = nb::ndarray<const double, nb::shape<4, 4>, nb::c_contig, nb::device::cpu>;
using Image = nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Map = nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Maps = nb::ndarray<const float, nb::ndim<4>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutTable = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Tiles = nb::ndarray<const int32_t, nb::shape<-1, 6>, nb::c_contig, nb::device::cpu>;
using Seeds = nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Places = nb::ndarray<const int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

constexpr uint32_t kPathsPerItem = 1 << 15;  // a tenth of a second

CameraView camera_of(const Matrix& m, double yfov_rad, double near_m, int width, int height) {
    const auto column = [&](int i) {
        return Vec3{float(m.data()[i]), float(m.data()[4 + i]), float(m.data()[8 + i])};
    };
    const double half = std::tan(yfov_rad / 2);
    return {column(0), column(1), column(2), column(3), float(half), float(half * width / height), float(near_m), width, height};
}

void render(const TraceScene& scene, const Matrix& camera, double yfov_rad, double near_m, int width, int height, int left,
            int top, uint32_t samples, uint32_t first_sample, uint32_t seed, int max_depth, int sobol_bounces, bool plain, Image out,
            unsigned threads, const std::function<void(double)>& watch) {
    RenderJob job{};
    job.camera = camera_of(camera, yfov_rad, near_m, width, height);
    job.settings = {max_depth, nullptr, nullptr, sobol_bounces, plain, false};
    job.left = left;
    job.top = top;
    job.width = int(out.shape(1));
    job.height = int(out.shape(0));
    job.seed = seed;
    // In goes of few samples, so that Ctrl-C is never far; sums come out the same.
    const uint32_t at_once = std::max<uint32_t>(1, kPathsPerItem / uint32_t(std::max(job.width, 1)));
    for (uint32_t done = 0; done < samples; done += job.samples) {
        job.first_sample = first_sample + done;
        job.samples = std::min(at_once, samples - done);
        const auto told = [&](double fraction) { watch((done + fraction * job.samples) / samples); };
        parallel_for(size_t(job.height), threads, [&](size_t row) {
            render_row(scene.view(), job, int(row), out.data() + row * size_t(job.width) * kPixelFloats);
        }, watch ? std::function<void(double)>(told) : nullptr);
    }
}

// Adds samples where they are wanted: `tiles` has rows (left, top, width, height, first sample, samples) in pixels of
// the whole picture, `out` the sums of the part whose corner is (left, top). Tiles must lie in it and not overlap.
void render_tiles(const TraceScene& scene, const Matrix& camera, double yfov_rad, double near_m, int width, int height, int left,
                  int top, uint32_t seed, int max_depth, int sobol_bounces, bool plain, Tiles tiles, Image out, unsigned threads,
                  const std::function<void(double)>& watch) {
    RenderJob job{};
    job.camera = camera_of(camera, yfov_rad, near_m, width, height);
    job.settings = {max_depth, nullptr, nullptr, sobol_bounces, plain, false};
    job.seed = seed;
    const int columns = int(out.shape(1)), rows = int(out.shape(0));
    for (size_t i = 0; i < tiles.shape(0); ++i) {
        const int32_t* t = tiles.data() + 6 * i;
        if (t[0] < left || t[1] < top || t[2] < 1 || t[3] < 1 || t[2] > left + columns - t[0] || t[3] > top + rows - t[1] ||
            t[4] < 0 || t[5] < 1)
            throw nb::value_error("a tile outside the picture");
    }
    std::vector<std::pair<size_t, int>> items;  // (tile, its row)
    for (size_t i = 0; i < tiles.shape(0); ++i)
        for (int row = 0; row < tiles.data()[6 * i + 3]; ++row) items.emplace_back(i, row);
    parallel_for(items.size(), threads, [&](size_t item) {
        const auto [tile, row] = items[item];
        const int32_t* t = tiles.data() + 6 * tile;
        RenderJob part = job;
        part.left = t[0];
        part.top = t[1];
        part.width = t[2];
        part.height = t[3];
        part.first_sample = uint32_t(t[4]);
        part.samples = uint32_t(t[5]);
        render_row(scene.view(), part, row,
                   out.data() + (size_t(part.top - top + row) * columns + size_t(part.left - left)) * kPixelFloats);
    }, watch);
}

void view_image(const TraceScene& scene, const Matrix& camera, double yfov_rad, double near_m, int width, int height, int left,
                int top, int side, Image out, unsigned threads) {
    const CameraView view = camera_of(camera, yfov_rad, near_m, width, height);
    const int columns = int(out.shape(1));
    parallel_for(out.shape(0), threads, [&](size_t row) {
        viewer_row(scene.view(), view, side, left, top, columns, int(row), out.data() + row * size_t(columns) * 4);
    });
}

// `harmonics` (9, 3); `sharp` (h, w, 3); `blurred` (levels, h, w, 3). `punctual` keeps what the light points into.
PreviewLight preview_light(const TraceScene& scene, const Table& harmonics, const Map& sharp, const Maps& blurred,
                           std::vector<uint32_t>& punctual) {
    if (harmonics.shape(0) != 9 || harmonics.shape(1) != 3 || sharp.shape(2) != 3 || blurred.shape(3) != 3)
        throw nb::value_error("tables of other shapes than a preview's");
    PreviewLight light{};
    for (int i = 0; i < 9; ++i)
        light.harmonics[i] = {harmonics.data()[3 * i], harmonics.data()[3 * i + 1], harmonics.data()[3 * i + 2]};
    light.sharp = sharp.data();
    light.sharp_height = int(sharp.shape(0));
    light.sharp_width = int(sharp.shape(1));
    light.blurred = blurred.data();
    light.levels = int(blurred.shape(0));
    light.height = int(blurred.shape(1));
    light.width = int(blurred.shape(2));
    for (size_t i = 0; i < scene.view().light_count; ++i)  // viewers see glowing surfaces and aren't lit by them
        if (scene.view().lights[i].kind != kTriangleLight) punctual.push_back(uint32_t(i));
    light.punctual = punctual.data();
    light.punctual_count = punctual.size();
    return light;
}

// `out` gets RGB and coverage.
void preview_image(const TraceScene& scene, const Table& harmonics, const Map& sharp, const Maps& blurred, const Matrix& camera,
                   double yfov_rad, double near_m, int width, int height, int left, int top, int side, Image out, unsigned threads) {
    if (out.shape(2) != 4) throw nb::value_error("a picture of other channels than RGB and coverage");
    std::vector<uint32_t> punctual;
    const PreviewLight light = preview_light(scene, harmonics, sharp, blurred, punctual);
    const CameraView view = camera_of(camera, yfov_rad, near_m, width, height);
    const int columns = int(out.shape(1));
    parallel_for(out.shape(0), threads, [&](size_t row) {
        preview_row(scene.view(), light, view, side, left, top, columns, int(row), out.data() + row * size_t(columns) * 4);
    }, nullptr);
}

// The pixels (x, y) of `places`, in runs of kPixelRun per thread.
void preview_places(const TraceScene& scene, const Table& harmonics, const Map& sharp, const Maps& blurred, const Matrix& camera,
                    double yfov_rad, double near_m, int width, int height, int side, Places places, OutTable out, unsigned threads) {
    constexpr size_t kPixelRun = 512;
    const size_t count = places.shape(0);
    if (places.shape(1) != 2 || out.shape(0) != count || out.shape(1) != 4) throw nb::value_error("pixels and room for others");
    std::vector<uint32_t> punctual;
    const PreviewLight light = preview_light(scene, harmonics, sharp, blurred, punctual);
    const CameraView view = camera_of(camera, yfov_rad, near_m, width, height);
    parallel_for((count + kPixelRun - 1) / kPixelRun, threads, [&](size_t run) {
        const size_t first = run * kPixelRun;
        preview_pixels(scene.view(), light, view, side, places.data() + 2 * first, std::min(kPixelRun, count - first),
                       out.data() + 4 * first);
    }, nullptr);
}

// `distances` and `triangles` get one each: what rays meet first.
void first_hits(const TraceScene& scene, Table origins, Table directions, OutTable distances, Numbers triangles, unsigned threads) {
    constexpr size_t kRayRun = 4096;
    const size_t count = origins.shape(0);
    if (origins.shape(1) != 3 || directions.shape(0) != count || directions.shape(1) != 3 || distances.shape(0) != count ||
        distances.shape(1) != 1 || triangles.shape(0) != count)
        throw nb::value_error("rays and room for others");
    parallel_for((count + kRayRun - 1) / kRayRun, threads, [&](size_t run) {
        const size_t first = run * kRayRun;
        first_triangles(scene.view(), origins.data() + 3 * first, directions.data() + 3 * first, std::min(kRayRun, count - first),
                        distances.data() + first, triangles.data() + first);
    }, nullptr);
}

// `out` gets the radiance that comes back along each ray, the mean of `samples` paths with numbers of their own.
void ray_radiance(const TraceScene& scene, Table origins, Table directions, Seeds seeds, uint32_t samples, int max_depth, int sobol_bounces,
                  bool plain, OutTable out, unsigned threads) {
    constexpr size_t kRayRun = 64;
    const size_t count = origins.shape(0);
    if (origins.shape(1) != 3 || directions.shape(0) != count || directions.shape(1) != 3 || seeds.shape(0) != count ||
        out.shape(0) != count || out.shape(1) != 3)
        throw nb::value_error("rays and room for others");
    const PathSettings settings{max_depth, nullptr, nullptr, sobol_bounces, plain, false};
    parallel_for((count + kRayRun - 1) / kRayRun, threads, [&](size_t run) {
        const size_t first = run * kRayRun, rays = std::min(kRayRun, count - first);
        std::vector<PathStart> starts;
        starts.reserve(rays * samples);
        for (size_t ray = first; ray < first + rays; ++ray) {
            const float *o = origins.data() + 3 * ray, *d = directions.data() + 3 * ray;
            for (uint32_t sample = 0; sample < samples; ++sample)
                starts.push_back({{o[0], o[1], o[2]}, {d[0], d[1], d[2]}, kNone, 0, 0, seeds.data()[ray], sample});
        }
        std::vector<PathResult> results(starts.size());
        trace_paths(scene.view(), settings, starts.data(), starts.size(), results.data());
        for (size_t ray = 0; ray < rays; ++ray) {
            float sum[3] = {};
            for (uint32_t sample = 0; sample < samples; ++sample) {
                const Vec3 light = results[ray * samples + sample].radiance;
                sum[0] += light.x, sum[1] += light.y, sum[2] += light.z;
            }
            for (int i = 0; i < 3; ++i) out.data()[3 * (first + ray) + i] = sum[i] / float(samples);
        }
    }, nullptr);
}

BsdfQuery query_of(const nb::dict& d) {
    BsdfQuery q{};
    q.kind = nb::cast<int>(d["kind"]);
    q.base_color = {nb::cast<float>(d["base_color"][0]), nb::cast<float>(d["base_color"][1]), nb::cast<float>(d["base_color"][2])};
    q.roughness = nb::cast<float>(d["roughness"]);
    q.metallic = nb::cast<float>(d["metallic"]);
    q.eta = nb::cast<float>(d["eta"]);
    q.transmission = nb::cast<float>(d["transmission"]);
    q.inside = nb::cast<bool>(d["inside"]);
    q.wide = nb::cast<bool>(d["wide"]) && (q.kind == kLambert || q.kind == kPrincipled);
    if (q.kind == kLayered) {
        q.grain = nb::cast<float>(d["grain"]);
        q.coat = nb::cast<float>(d["coat"]);
        q.coat_roughness = nb::cast<float>(d["coat_roughness"]);
        q.sheen_roughness = nb::cast<float>(d["sheen_roughness"]);
        const auto triple = [&](const char* key) {
            return Vec3{nb::cast<float>(d[key][0]), nb::cast<float>(d[key][1]), nb::cast<float>(d[key][2])};
        };
        q.sheen = triple("sheen");
        q.coat_normal = triple("coat_normal");
        q.specular_color = triple("specular_color");
        q.passing_color = triple("passing_color");
        q.specular = nb::cast<float>(d["specular"]);
        q.film = nb::cast<float>(d["film"]);
        q.film_ior = nb::cast<float>(d["film_ior"]);
        q.film_nm = nb::cast<float>(d["film_nm"]);
        q.passing = nb::cast<float>(d["passing"]);
    }
    return q;
}

}  // namespace
}  // namespace nightproof

void bind_trace_render(nb::module_& m) {
    using namespace nightproof;
    m.attr("PIXEL_FLOATS") = kPixelFloats;
    m.def("render", &render, nb::arg("scene"), nb::arg("camera"), nb::arg("yfov_rad"), nb::arg("near_m"), nb::arg("width"),
          nb::arg("height"), nb::arg("left"), nb::arg("top"), nb::arg("samples"), nb::arg("first_sample"), nb::arg("seed"),
          nb::arg("max_depth"), nb::arg("sobol_bounces"), nb::arg("plain"), nb::arg("out"), nb::arg("threads"), nb::arg("watch").none());
    m.def("render_tiles", &render_tiles, nb::arg("scene"), nb::arg("camera"), nb::arg("yfov_rad"), nb::arg("near_m"),
          nb::arg("width"), nb::arg("height"), nb::arg("left"), nb::arg("top"), nb::arg("seed"), nb::arg("max_depth"),
          nb::arg("sobol_bounces"), nb::arg("plain"), nb::arg("tiles"), nb::arg("out"), nb::arg("threads"), nb::arg("watch").none());
    m.def("view_image", &view_image, nb::arg("scene"), nb::arg("camera"), nb::arg("yfov_rad"), nb::arg("near_m"),
          nb::arg("width"), nb::arg("height"), nb::arg("left"), nb::arg("top"), nb::arg("side"), nb::arg("out"),
          nb::arg("threads"));
    m.def("preview_image", &preview_image, nb::arg("scene"), nb::arg("harmonics"), nb::arg("sharp"), nb::arg("blurred"),
          nb::arg("camera"), nb::arg("yfov_rad"), nb::arg("near_m"), nb::arg("width"), nb::arg("height"), nb::arg("left"),
          nb::arg("top"), nb::arg("side"), nb::arg("out"), nb::arg("threads"));
    m.def("preview_pixels", &preview_places, nb::arg("scene"), nb::arg("harmonics"), nb::arg("sharp"), nb::arg("blurred"),
          nb::arg("camera"), nb::arg("yfov_rad"), nb::arg("near_m"), nb::arg("width"), nb::arg("height"), nb::arg("side"),
          nb::arg("places"), nb::arg("out"), nb::arg("threads"));
    m.def("first_hits", &first_hits, nb::arg("scene"), nb::arg("origins"), nb::arg("directions"), nb::arg("distances"),
          nb::arg("triangles"), nb::arg("threads"));
    m.def("ray_radiance", &ray_radiance, nb::arg("scene"), nb::arg("origins"), nb::arg("directions"), nb::arg("seeds"),
          nb::arg("samples"), nb::arg("max_depth"), nb::arg("sobol_bounces"), nb::arg("plain"), nb::arg("out"), nb::arg("threads"));
    m.def("bsdf_values", [](const nb::dict& query, Table directions, OutTable values) {
        bsdf_values(query_of(query), directions.data(), directions.shape(0), values.data());
    });
    m.def("bsdf_samples", [](const nb::dict& query, Table viewer, Table uniforms, OutTable samples) {
        bsdf_samples(query_of(query), {viewer.data()[0], viewer.data()[1], viewer.data()[2]}, uniforms.data(),
                     uniforms.shape(0), samples.data());
    });
    m.def("sample_irradiance", [](const TraceScene& scene, Table points, Table normals, Seeds seeds, uint32_t index, OutTable out) {
        sample_irradiance(scene.view(), points.data(), normals.data(), seeds.data(), index, points.shape(0), out.data());
    });
    m.def("sobol_points", [](uint32_t seed, uint32_t pair, OutTable out) {
        sobol_points(seed, pair, out.shape(0), out.data());
    });
}
