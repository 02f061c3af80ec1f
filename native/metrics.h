// Image comparison, one tile column at a time: the part of native/metrics.cpp that is compiled per instruction set.
#pragma once
#include <cstddef>
#include <cstdint>

namespace nightproof {

constexpr int ssim_window = 11;
constexpr int ssim_halo = ssim_window - 1;
constexpr int ssim_tile_px = 64;
// The last tile of a row or column takes the remainder: 64 … 127 pixels.
constexpr int ssim_strip_px = 2 * ssim_tile_px - 1;

// A band of one tile column of the valid region of two RGB images, rows interleaved, `stride` bytes apart.
// Output rows [0, rows) are cut into tiles at `tile_rows` (first row of each, then `rows`).
struct SsimStrip {
    const std::uint8_t* reference;  // top left sample of the window of the first output pixel
    const std::uint8_t* asset;
    std::ptrdiff_t stride;
    int width_px;          // at most ssim_strip_px
    int tiles;             // tiles in this band, one above the other
    const int* tile_rows;  // tiles + 1 row numbers
    double* error_sums;    // tiles sums of 1 − SSIM over pixels and channels
};

#define NIGHTPROOF_DECLARE(isa)            \
    namespace isa {                        \
    void ssim_strip(const SsimStrip&);     \
    std::uint64_t squared_difference(const std::uint8_t*, const std::uint8_t*, std::size_t); \
    }
NIGHTPROOF_DECLARE(baseline)
#ifdef NIGHTPROOF_X86
NIGHTPROOF_DECLARE(v3)
NIGHTPROOF_DECLARE(v4)
#endif
#undef NIGHTPROOF_DECLARE

}  // namespace nightproof
