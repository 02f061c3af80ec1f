// Textures halved as mip maps are, their values rounded, and cells of them that nobody sees filled; twin: nightproof.kernels.texture_pixels_reference.
//
// One thread: whoever asks works on several textures at once.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace nb = nanobind;

namespace {

using Pixels = nb::ndarray<const std::uint8_t, nb::shape<-1, -1, -1>, nb::c_contig, nb::device::cpu>;
using OutPixels = nb::ndarray<std::uint8_t, nb::shape<-1, -1, -1>, nb::c_contig, nb::device::cpu>;
using Cells = nb::ndarray<const std::uint8_t, nb::shape<-1, -1>, nb::c_contig, nb::device::cpu>;
using Sums = nb::ndarray<std::uint32_t, nb::shape<-1, -1, -1>, nb::c_contig, nb::device::cpu>;
using Means = nb::ndarray<const float, nb::shape<-1, -1, -1>, nb::c_contig, nb::device::cpu>;
using OutMeans = nb::ndarray<float, nb::shape<-1, -1, -1>, nb::c_contig, nb::device::cpu>;
using Counts = nb::ndarray<const float, nb::shape<-1, -1>, nb::c_contig, nb::device::cpu>;
using Light = nb::ndarray<const float, nb::shape<256>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<const std::uint8_t, nb::shape<256>, nb::c_contig, nb::device::cpu>;
using Codes = nb::ndarray<const std::uint8_t, nb::shape<-1>, nb::c_contig, nb::device::cpu>;

constexpr float kLeastAlpha = 1e-6f, kLeastLength = 1e-6f;

float clipped(float value) { return std::min(std::max(value, 0.f), 1.f); }

struct Halving {
    const float* light;  // of each byte
    const std::uint8_t* codes;
    float steps;
    bool normals;

    std::uint8_t code(float value) const { return codes[std::lrintf(clipped(value) * steps)]; }

    // The mean of four texels, `row` bytes apart downwards.
    template <int Channels>
    void one(const std::uint8_t* above, const std::uint8_t* below, std::uint8_t* out) const {
        float mean[4];
        const std::uint8_t* texels[4] = {above, below, above + Channels, below + Channels};
        if constexpr (Channels == 4) {
            float alpha[4];
            for (int i = 0; i < 4; ++i) alpha[i] = texels[i][3] / 255.f;
            for (int c = 0; c < 3; ++c) {
                float value[4];
                for (int i = 0; i < 4; ++i) value[i] = light[texels[i][c]] * (alpha[i] + kLeastAlpha);
                mean[c] = (value[0] + value[1] + value[2] + value[3]) / 4;
            }
            mean[3] = (alpha[0] + alpha[1] + alpha[2] + alpha[3]) / 4;
            for (int c = 0; c < 3; ++c) mean[c] /= mean[3] + kLeastAlpha;
            out[3] = static_cast<std::uint8_t>(std::lrintf(clipped(mean[3]) * 255.f));
        } else {
            for (int c = 0; c < 3; ++c)
                mean[c] = (light[texels[0][c]] + light[texels[1][c]] + light[texels[2][c]] + light[texels[3][c]]) / 4;
        }
        if (normals) {
            float v[3];
            for (int c = 0; c < 3; ++c) v[c] = mean[c] * 2 - 1;
            const float length = std::max(std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), kLeastLength);
            for (int c = 0; c < 3; ++c) mean[c] = (v[c] / length + 1) / 2;
        }
        for (int c = 0; c < 3; ++c) out[c] = code(mean[c]);
    }

    template <int Channels>
    void rows(const std::uint8_t* from, std::size_t height, std::size_t width, std::uint8_t* out) const {
        const std::size_t row = 2 * width * Channels;
        for (std::size_t y = 0; y < height; ++y)
            for (std::size_t x = 0; x < width; ++x, out += Channels) {
                const std::uint8_t* above = from + 2 * y * row + 2 * x * Channels;
                one<Channels>(above, above + row, out);
            }
    }
};

// Whether two texels are less than a step apart in every channel.
inline bool near(const std::uint8_t* one, const std::uint8_t* other, int step) {
    return std::abs(one[0] - other[0]) < step && std::abs(one[1] - other[1]) < step && std::abs(one[2] - other[2]) < step;
}

// `rows`: the one above, this one and the one below; borders wrap.
template <int Channels>
void round_row(const std::uint8_t* const rows[3], std::size_t width, const std::uint8_t* table, int sparing, std::uint8_t* out) {
    const std::uint8_t* here = rows[1];
    for (std::size_t x = 0; x < width; ++x, here += Channels, out += Channels) {
        const std::size_t at = x * Channels;
        const std::uint8_t* left = rows[1] + (x ? at : width * Channels) - Channels;
        const std::uint8_t* right = rows[1] + (x + 1 < width ? at + Channels : 0);
        const bool smooth = sparing > 0 && near(here, left, sparing) && near(here, right, sparing) &&
                            near(here, rows[0] + at, sparing) && near(here, rows[2] + at, sparing);
        for (int c = 0; c < 3; ++c) out[c] = smooth ? here[c] : table[here[c]];
        if constexpr (Channels == 4) out[3] = here[3];
    }
}

// Means of cells where there is something to count, else of the squares around, twice as large each time. Corners of
// what halving cuts off repeat their neighbours.
void surroundings(const float* sums, const float* counts, std::size_t height, std::size_t width, std::size_t channels, float* out) {
    bool all = true;
    for (std::size_t i = 0; i < height * width; ++i) {
        all = all && counts[i] != 0.f;
        for (std::size_t c = 0; c < channels; ++c) out[i * channels + c] = sums[i * channels + c] / std::max(counts[i], 1.f);
    }
    if (all || std::min(height, width) < 2) return;
    const std::size_t tall = height / 2, wide = width / 2;
    std::vector<float> coarse_sums(tall * wide * channels), coarse_counts(tall * wide), coarse(tall * wide * channels);
    for (std::size_t y = 0; y < tall; ++y)
        for (std::size_t x = 0; x < wide; ++x) {
            const std::size_t here = y * wide + x, cell = 2 * y * width + 2 * x;
            const std::size_t four[4] = {cell, cell + width, cell + 1, cell + width + 1};
            coarse_counts[here] = counts[four[0]] + counts[four[1]] + counts[four[2]] + counts[four[3]];
            for (std::size_t c = 0; c < channels; ++c)
                coarse_sums[here * channels + c] = sums[four[0] * channels + c] + sums[four[1] * channels + c] +
                                                   sums[four[2] * channels + c] + sums[four[3] * channels + c];
        }
    surroundings(coarse_sums.data(), coarse_counts.data(), tall, wide, channels, coarse.data());
    for (std::size_t y = 0; y < height; ++y)
        for (std::size_t x = 0; x < width; ++x) {
            const std::size_t here = y * width + x;
            if (counts[here] > 0.f) continue;
            const std::size_t there = std::min(y / 2, tall - 1) * wide + std::min(x / 2, wide - 1);
            for (std::size_t c = 0; c < channels; ++c) out[here * channels + c] = coarse[there * channels + c];
        }
}

void expect_channels(std::size_t channels) {
    if (channels < 3 || channels > 4) throw nb::value_error("textures have three or four channels");
}

}  // namespace

void bind_texture_pixels(nb::module_& m) {
    m.def("halve_texture", [](const Pixels& from, const Light& light, const Codes& codes, bool normals, const OutPixels& out) {
        expect_channels(from.shape(2));
        if (codes.shape(0) < 2) throw nb::value_error("no codes");
        if (from.shape(0) != 2 * out.shape(0) || from.shape(1) != 2 * out.shape(1) || from.shape(2) != out.shape(2))
            throw nb::value_error("the half has another shape");
        const Halving halving{light.data(), codes.data(), static_cast<float>(codes.shape(0) - 1), normals};
        nb::gil_scoped_release release;
        if (from.shape(2) == 4) halving.rows<4>(from.data(), out.shape(0), out.shape(1), out.data());
        else halving.rows<3>(from.data(), out.shape(0), out.shape(1), out.data());
    }, nb::arg("pixels"), nb::arg("light"), nb::arg("codes"), nb::arg("normals"), nb::arg("out"),
       "Each 2 × 2 texels as one: by the light of each byte, weighed by alpha, and the byte of each of evenly spaced lights.");

    m.def("drop_alpha", [](const Pixels& from, const OutPixels& out) {
        if (from.shape(0) != out.shape(0) || from.shape(1) != out.shape(1) || from.shape(2) != 4 || out.shape(2) != 3)
            throw nb::value_error("from four channels to three");
        nb::gil_scoped_release release;
        const std::uint8_t* texel = from.data();
        std::uint8_t* rgb = out.data();
        for (std::size_t i = 0, n = from.shape(0) * from.shape(1); i < n; ++i, texel += 4, rgb += 3) {
            rgb[0] = texel[0];
            rgb[1] = texel[1];
            rgb[2] = texel[2];
        }
    }, nb::arg("pixels"), nb::arg("out"), "The first three channels of four.");

    m.def("round_texels", [](const Pixels& from, const Table& table, int sparing, const OutPixels& out) {
        const std::size_t height = from.shape(0), width = from.shape(1), channels = from.shape(2);
        expect_channels(channels);
        if (out.shape(0) != height || out.shape(1) != width || out.shape(2) != channels)
            throw nb::value_error("the result has another shape");
        nb::gil_scoped_release release;
        for (std::size_t y = 0; y < height; ++y) {
            const std::size_t row = width * channels;
            const std::uint8_t* rows[3] = {from.data() + (y ? y - 1 : height - 1) * row, from.data() + y * row,
                                           from.data() + (y + 1 < height ? y + 1 : 0) * row};
            if (channels == 4) round_row<4>(rows, width, table.data(), sparing, out.data() + y * row);
            else round_row<3>(rows, width, table.data(), sparing, out.data() + y * row);
        }
    }, nb::arg("pixels"), nb::arg("table"), nb::arg("sparing"), nb::arg("out"),
       "Colours as a table says; where sparing, texels that differ from no neighbour by so much stay.");

    m.def("cell_sums", [](const Pixels& pixels, const Sums& sums) {
        const std::size_t rows = sums.shape(0), columns = sums.shape(1), channels = pixels.shape(2), width = pixels.shape(1);
        if (!rows || !columns || pixels.shape(0) % rows || width % columns || sums.shape(2) != channels)
            throw nb::value_error("no such cells");
        const std::size_t tall = pixels.shape(0) / rows, wide = width / columns;
        nb::gil_scoped_release release;
        std::fill_n(sums.data(), rows * columns * channels, 0u);
        const std::size_t samples = width * channels;
        std::vector<std::uint32_t> added(samples);  // of a row of cells: such loops become vector code
        for (std::size_t y = 0; y < rows; ++y) {
            std::fill(added.begin(), added.end(), 0u);
            for (std::size_t j = 0; j < tall; ++j) {
                const std::uint8_t* row = pixels.data() + (y * tall + j) * samples;
                for (std::size_t i = 0; i < samples; ++i) added[i] += row[i];
            }
            std::uint32_t* of_row = sums.data() + y * columns * channels;
            const std::uint32_t* texel = added.data();
            for (std::size_t x = 0; x < columns; ++x, of_row += channels)
                for (std::size_t i = 0; i < wide; ++i, texel += channels)
                    for (std::size_t c = 0; c < channels; ++c) of_row[c] += texel[c];
        }
    }, nb::arg("pixels"), nb::arg("sums"), "Of each cell's texels, by channel.");

    m.def("surroundings", [](const Means& sums, const Counts& counts, const OutMeans& out) {
        for (std::size_t axis = 0; axis < 3; ++axis)
            if (out.shape(axis) != sums.shape(axis) || (axis < 2 && counts.shape(axis) != sums.shape(axis)))
                throw nb::value_error("sums, counts and results of other shapes");
        nb::gil_scoped_release release;
        surroundings(sums.data(), counts.data(), sums.shape(0), sums.shape(1), sums.shape(2), out.data());
    }, nb::arg("sums"), nb::arg("counts"), nb::arg("out"), "Means where there is something to count, else of the squares around.");

    m.def("fill_cells", [](const OutPixels& pixels, const Cells& kept, const Pixels& colors) {
        const std::size_t rows = kept.shape(0), columns = kept.shape(1), channels = pixels.shape(2), width = pixels.shape(1);
        if (!rows || !columns || pixels.shape(0) % rows || width % columns || colors.shape(0) != rows ||
            colors.shape(1) != columns || colors.shape(2) != channels)
            throw nb::value_error("no such cells");
        const std::size_t tall = pixels.shape(0) / rows, wide = width / columns;
        nb::gil_scoped_release release;
        for (std::size_t y = 0; y < rows * tall; ++y) {
            const std::size_t row = y / tall * columns;
            for (std::size_t x = 0; x < columns; ++x) {
                if (kept.data()[row + x]) continue;
                const std::uint8_t* color = colors.data() + (row + x) * channels;
                std::uint8_t* texel = pixels.data() + (y * width + x * wide) * channels;
                for (std::size_t i = 0; i < wide; ++i, texel += channels) std::memcpy(texel, color, channels);
            }
        }
    }, nb::arg("pixels"), nb::arg("kept"), nb::arg("colors"), "Cells that aren't kept in one colour each, in place.");
}
