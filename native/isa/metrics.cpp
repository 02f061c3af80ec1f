// SSIM of two 8-bit images, separable and in single precision, in the sum s = x + y and difference d = x − y:
//
//     SSIM = (μs² − μd² + 2 C1) (σs² − σd² + 2 C2) / ((μs² + μd² + 2 C1) (σs² + σd² + 2 C2))
//
// which needs four blurs instead of five and stays precise where the images are alike, because d is small there and
// the error 1 − SSIM = 2 (b p + a q) / … is formed from μd², σd² without cancellation. Channels stay interleaved:
// a horizontal tap is three samples away. No operation is reassociated or contracted, so every instruction set and
// thread count gives the same bits.
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif
#include "metrics.h"

#include <algorithm>
#include <vector>

namespace nightproof::NIGHTPROOF_ISA {
namespace {

constexpr int channels = 3;
constexpr int strip_samples = channels * ssim_strip_px;
constexpr int padded_samples = strip_samples + channels * ssim_halo;
constexpr int ring_rows = ssim_window + 1;
constexpr int moments = 4;  // s, d, s², d²
// exp(−k²/(2·1.5²)), k = 5 … 0, normalised over all eleven taps.
constexpr float taps[6] = {0.00102838008447911f, 0.00759875813523919f, 0.03600077212843083f,
                           0.10936068950970002f, 0.21300553771125370f, 0.26601172486179436f};
constexpr float c1 = 0.01f * 255 * 0.01f * 255, c2 = 0.03f * 255 * 0.03f * 255;
constexpr float centre = 256;  // taken off s before squaring, so that squares round less

inline float blur(float a0, float a1, float a2, float a3, float a4, float a5, float a6, float a7, float a8, float a9,
                  float a10) {
    const float outer = (a0 + a10) * taps[0] + (a1 + a9) * taps[1] + (a2 + a8) * taps[2];
    return outer + ((a3 + a7) * taps[3] + (a4 + a6) * taps[4] + a5 * taps[5]);
}

struct Row {
    alignas(64) float moment[moments][strip_samples + 1];
};

void expand(const std::uint8_t* x, const std::uint8_t* y, int n, float (*out)[padded_samples]) {
    for (int i = 0; i < n; ++i) {
        const int a = x[i], b = y[i];
        const float s = static_cast<float>(a + b) - centre, d = static_cast<float>(a - b);
        out[0][i] = s;
        out[1][i] = d;
        out[2][i] = s * s;
        out[3][i] = d * d;
    }
}

void blur_row(const float* __restrict in, int n, float* __restrict out) {
    constexpr int c = channels;
    for (int i = 0; i < n; ++i)
        out[i] = blur(in[i], in[i + c], in[i + 2 * c], in[i + 3 * c], in[i + 4 * c], in[i + 5 * c], in[i + 6 * c],
                      in[i + 7 * c], in[i + 8 * c], in[i + 9 * c], in[i + 10 * c]);
}

// One or two output rows at once: the second shares ten of its eleven loads with the first.
template <int rows>
void blur_columns(const Row* const* r, int moment, int n, float* __restrict out0, float* __restrict out1) {
    const float* p[ssim_window + 1];
    for (int k = 0; k < ssim_window - 1 + rows; ++k) p[k] = r[k]->moment[moment];
    const float *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *p4 = p[4], *p5 = p[5], *p6 = p[6], *p7 = p[7],
                *p8 = p[8], *p9 = p[9], *p10 = p[10], *p11 = rows == 2 ? p[11] : nullptr;
    for (int i = 0; i < n; ++i) {
        const float a1 = p1[i], a2 = p2[i], a3 = p3[i], a4 = p4[i], a5 = p5[i], a6 = p6[i], a7 = p7[i], a8 = p8[i],
                    a9 = p9[i], a10 = p10[i];
        out0[i] = blur(p0[i], a1, a2, a3, a4, a5, a6, a7, a8, a9, a10);
        if (rows == 2) out1[i] = blur(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, p11[i]);
    }
}

void add_errors(const float (*blurred)[strip_samples], int n, float* __restrict sums) {
    const float *s = blurred[0], *d = blurred[1], *ss = blurred[2], *dd = blurred[3];
    for (int i = 0; i < n; ++i) {
        const float sum = s[i] + centre;
        const float mean_s = sum * sum + 2 * c1, mean_d = d[i] * d[i];
        // Variances cannot be negative; rounding can make them so.
        const float var_s = std::max(ss[i] - s[i] * s[i], 0.0f) + 2 * c2, var_d = std::max(dd[i] - mean_d, 0.0f);
        // 1 − (a−b)(p−q)/((a+b)(p+q)) = 2 (a q + b p)/((a+b)(p+q))
        sums[i] += 2 * (mean_s * var_d + mean_d * var_s) / ((mean_s + mean_d) * (var_s + var_d));
    }
}

}  // namespace

void ssim_strip(const SsimStrip& strip) {
    const int n = channels * strip.width_px, padded = n + channels * ssim_halo;
    std::vector<Row> ring(ring_rows);
    std::vector<float> wide(moments * padded_samples), narrow(2 * moments * strip_samples), sums(strip_samples);
    const auto expanded = reinterpret_cast<float(*)[padded_samples]>(wide.data());
    const auto upper = reinterpret_cast<float(*)[strip_samples]>(narrow.data()), lower = upper + moments;
    int filled = 0;  // input rows blurred along x so far
    for (int tile = 0; tile < strip.tiles; ++tile) {
        for (int row = strip.tile_rows[tile]; row < strip.tile_rows[tile + 1]; row += 2) {
            const bool pair = row + 1 < strip.tile_rows[tile + 1];
            for (; filled < row + ssim_window + pair; ++filled) {
                expand(strip.reference + filled * strip.stride, strip.asset + filled * strip.stride, padded, expanded);
                for (int m = 0; m < moments; ++m) blur_row(expanded[m], n, ring[filled % ring_rows].moment[m]);
            }
            const Row* window[ring_rows];
            for (int k = 0; k < ring_rows; ++k) window[k] = &ring[(row + k) % ring_rows];
            for (int m = 0; m < moments; ++m)
                (pair ? blur_columns<2> : blur_columns<1>)(window, m, n, upper[m], lower[m]);
            add_errors(upper, n, sums.data());
            if (pair) add_errors(lower, n, sums.data());
        }
        double total = 0;
        for (int i = 0; i < n; ++i) total += sums[i];
        strip.error_sums[tile] = total;
        std::fill(sums.begin(), sums.end(), 0.0f);
    }
}

std::uint64_t squared_difference(const std::uint8_t* x, const std::uint8_t* y, std::size_t n) {
    std::uint64_t total = 0;
    constexpr std::size_t chunk = 1 << 14;  // 255² · 2¹⁴ < 2³²
    for (std::size_t begin = 0; begin < n; begin += chunk) {
        const std::size_t end = std::min(n, begin + chunk);
        std::uint32_t sum = 0;
        for (std::size_t i = begin; i < end; ++i) {
            const int d = x[i] - y[i];
            sum += static_cast<std::uint32_t>(d * d);
        }
        total += sum;
    }
    return total;
}

}  // namespace nightproof::NIGHTPROOF_ISA
