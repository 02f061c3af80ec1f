// SSIM (whole image and per tile) and squared error of image pairs; twin: nightproof.kernels.metrics_reference.
//
// Work is cut into tile columns × bands of tiles. Every tile has its own sum and sums are added in one fixed order
// afterwards, so the result does not depend on the number of threads. A 4K pair takes a tenth of a second: Ctrl-C is
// left to the caller between pairs.
#include "metrics.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <atomic>
#include <exception>
#include <thread>
#include <vector>

#include "isa.h"

namespace nb = nanobind;
using namespace nightproof;

namespace {

using Image = nb::ndarray<const std::uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>;
constexpr int band_tiles = 4;

auto strip_kernel() {
#ifdef NIGHTPROOF_X86
    if (isa() == Isa::v4) return &v4::ssim_strip;
    if (isa() == Isa::v3) return &v3::ssim_strip;
#endif
    return &baseline::ssim_strip;
}

auto square_kernel() {
#ifdef NIGHTPROOF_X86
    if (isa() == Isa::v4) return &v4::squared_difference;
    if (isa() == Isa::v3) return &v3::squared_difference;
#endif
    return &baseline::squared_difference;
}

int tile_count(int valid_px) { return std::max(1, valid_px / ssim_tile_px); }

// Runs task(0) … task(count − 1) on `threads` threads; the first exception is rethrown.
template <class Task>
void spread(int count, int threads, const Task& task) {
    std::atomic<int> next{0};
    std::exception_ptr failure;
    std::atomic_flag failed = ATOMIC_FLAG_INIT;
    const auto work = [&] {
        try {
            for (int i; (i = next.fetch_add(1)) < count;) task(i);
        } catch (...) {
            if (!failed.test_and_set()) failure = std::current_exception();
            next = count;
        }
    };
    std::vector<std::thread> team;
    for (int i = 1; i < std::min(threads, count); ++i) team.emplace_back(work);
    work();
    for (auto& thread : team) thread.join();
    if (failure) std::rethrow_exception(failure);
}

void tile_errors(const std::uint8_t* x, const std::uint8_t* y, int height, int width, int threads, double* out) {
    const int valid_height = height - ssim_halo, valid_width = width - ssim_halo;
    const int tiles_y = tile_count(valid_height), tiles_x = tile_count(valid_width);
    const int bands = (tiles_y + band_tiles - 1) / band_tiles;
    const auto kernel = strip_kernel();
    spread(bands * tiles_x, threads, [&](int unit) {
        const int column = unit % tiles_x, first = unit / tiles_x * band_tiles;
        const int tiles = std::min(band_tiles, tiles_y - first);
        const int left = column * ssim_tile_px, top = first * ssim_tile_px;
        const int right = column + 1 == tiles_x ? valid_width : left + ssim_tile_px;
        int rows[band_tiles + 1];
        for (int t = 0; t <= tiles; ++t) rows[t] = t * ssim_tile_px;
        if (first + tiles == tiles_y) rows[tiles] = valid_height - top;
        double sums[band_tiles];
        const std::ptrdiff_t stride = std::ptrdiff_t(3) * width, at = top * stride + 3 * left;
        kernel({x + at, y + at, stride, right - left, tiles, rows, sums});
        for (int t = 0; t < tiles; ++t) out[(first + t) * tiles_x + column] = sums[t];
    });
}

}  // namespace

void bind_metrics(nb::module_& m) {
    m.def("compare_images", [](const Image& reference, const Image& asset, int threads) {
        if (reference.shape(0) != asset.shape(0) || reference.shape(1) != asset.shape(1))
            throw nb::value_error("images differ in size");
        if (reference.shape(0) < ssim_window || reference.shape(1) < ssim_window)
            throw nb::value_error("images are smaller than the 11 × 11 window");
        if (reference.shape(0) > 65536 || reference.shape(1) > 65536) throw nb::value_error("images are too large");
        const int height = static_cast<int>(reference.shape(0)), width = static_cast<int>(reference.shape(1));
        const int tiles_y = tile_count(height - ssim_halo), tiles_x = tile_count(width - ssim_halo);
        auto* sums = new double[static_cast<std::size_t>(tiles_y) * tiles_x];
        nb::capsule owner(sums, [](void* p) noexcept { delete[] static_cast<double*>(p); });
        std::uint64_t squares = 0;
        {
            nb::gil_scoped_release release;
            const int team = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency());
            tile_errors(reference.data(), asset.data(), height, width, std::max(1, team), sums);
            squares = square_kernel()(reference.data(), asset.data(), reference.size());
        }
        const std::size_t shape[2] = {std::size_t(tiles_y), std::size_t(tiles_x)};
        return nb::make_tuple(nb::ndarray<nb::numpy, double>(sums, 2, shape, owner), squares);
    }, nb::arg("reference"), nb::arg("asset"), nb::arg("threads") = 0,
       "Per-tile sums of 1 − SSIM over the valid region, and the sum of squared differences.");
    m.attr("ssim_tile_px") = ssim_tile_px;
}
