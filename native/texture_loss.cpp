// How far one texture is from another, texel by texel or block by block; twin: nightproof.kernels.texture_loss_reference.
//
// Texels are sums of blocks of 8-bit values and their squares whole numbers: no order of adding changes them. One
// thread: whoever asks measures several textures at once.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

namespace nb = nanobind;

namespace {

using Pixels = nb::ndarray<const std::uint8_t, nb::shape<-1, -1, -1>, nb::c_contig, nb::device::cpu>;
using Mask = nb::ndarray<const std::uint8_t, nb::shape<-1, -1>, nb::c_contig, nb::device::cpu>;

struct Sums {
    std::uint64_t texels = 0, squares[3] = {};
    double angles = 0;  // radians², between what texels say as normals
};

// A row of texels, each the sum of a block, by channel.
struct Row {
    std::vector<std::uint32_t> added;
    std::vector<std::int32_t> channel[3];

    explicit Row(std::size_t samples) : added(samples) {
        for (auto& one : channel) one.resize(samples);
    }

    void sum(const std::uint8_t* first, std::size_t samples, int channels, int rows, int columns, std::size_t texels) {
        std::copy(first, first + samples, added.begin());
        for (int row = 1; row < rows; ++row)
            for (std::size_t i = 0; i < samples; ++i) added[i] += first[row * samples + i];
        for (int c = 0; c < 3; ++c)
            for (std::size_t x = 0; x < texels; ++x) {
                std::uint32_t total = 0;
                for (int k = 0; k < columns; ++k) total += added[(x * columns + k) * channels + c];
                channel[c][x] = static_cast<std::int32_t>(total);
            }
    }
};

// Squared chord between two directions → squared angle: 2 Σ sⁿ / (n² C(2n, n)), exact to single precision up to 60°.
double squared_angle(float s) {
    if (s > 1.f) {
        const float half = std::asin(std::min(std::sqrt(s) / 2.f, 1.f));
        return 4.0 * half * half;
    }
    return s * (1.f + s * (1.f / 12 + s * (1.f / 90 + s * (1.f / 560 + s * (1.f / 3150 + s * (1.f / 16632 + s * (1.f / 84084 + s / 411840)))))));
}

void squared_chords(const Row& one, const Row& other, float scale, std::size_t texels, float* out) {
    const auto length = [](float x, float y, float z) { return std::max(std::sqrt(x * x + y * y + z * z), 1e-6f); };
    for (std::size_t i = 0; i < texels; ++i) {
        float v[2][3];
        for (int c = 0; c < 3; ++c) {
            v[0][c] = static_cast<float>(one.channel[c][i]) * scale - 1.f;
            v[1][c] = static_cast<float>(other.channel[c][i]) * scale - 1.f;
        }
        const float a = 1.f / length(v[0][0], v[0][1], v[0][2]), b = 1.f / length(v[1][0], v[1][1], v[1][2]);
        const float x = v[0][0] * a - v[1][0] * b, y = v[0][1] * a - v[1][1] * b, z = v[0][2] * a - v[1][2] * b;
        out[i] = x * x + y * y + z * z;
    }
}

void add_row(const Row& one, const Row& other, const std::uint8_t* shown, std::size_t texels, Sums& sums) {
    for (int c = 0; c < 3; ++c) {
        const std::int32_t *a = one.channel[c].data(), *b = other.channel[c].data();
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < texels; ++i) {
            const std::int32_t difference = a[i] - b[i];
            // Thirty-two bits times as many: for others there is no vector code.
            const auto d = static_cast<std::uint32_t>(shown && !shown[i] ? 0 : difference < 0 ? -difference : difference);
            total += static_cast<std::uint64_t>(d) * d;
        }
        sums.squares[c] += total;
    }
    for (std::size_t i = 0; i < texels; ++i) sums.texels += !shown || shown[i];
}

void expect_alike(const Pixels& before, const Pixels& after, int axes) {
    for (int axis = 0; axis < axes; ++axis)
        if (before.shape(axis) != after.shape(axis)) throw nb::value_error("textures differ in shape");
    for (const Pixels* one : {&before, &after})
        if (one->shape(2) < 3 || one->shape(2) > 4) throw nb::value_error("textures have three or four channels");
}

}  // namespace

void bind_texture_loss(nb::module_& m) {
    m.def("texture_errors", [](const Pixels& before, const Pixels& after, int rows, int columns,
                               const std::optional<Mask>& shown, bool normals) {
        expect_alike(before, after, 2);
        if (rows < 1 || columns < 1 || rows > 64 || columns > 64) throw nb::value_error("blocks have 1 to 64 texels a side");
        const std::size_t height = before.shape(0) / rows, width = before.shape(1) / columns;
        if (shown && (shown->shape(0) < height || shown->shape(1) != width))
            throw nb::value_error("the mask has another shape than the blocks");
        const int channels[2] = {static_cast<int>(before.shape(2)), static_cast<int>(after.shape(2))};
        const std::size_t samples[2] = {before.shape(1) * channels[0], after.shape(1) * channels[1]};
        Sums sums;
        {
            nb::gil_scoped_release release;
            Row one(samples[0]), other(samples[1]);
            std::vector<float> chords(width);
            const float scale = 1.f / (127.5f * rows * columns);
            for (std::size_t y = 0; y < height; ++y) {
                one.sum(before.data() + y * rows * samples[0], samples[0], channels[0], rows, columns, width);
                other.sum(after.data() + y * rows * samples[1], samples[1], channels[1], rows, columns, width);
                const std::uint8_t* mask = shown ? shown->data() + y * width : nullptr;
                add_row(one, other, mask, width, sums);
                if (!normals) continue;
                squared_chords(one, other, scale, width, chords.data());
                for (std::size_t x = 0; x < width; ++x)
                    if (!mask || mask[x]) sums.angles += squared_angle(chords[x]);
            }
        }
        return nb::make_tuple(sums.texels, nb::make_tuple(sums.squares[0], sums.squares[1], sums.squares[2]), sums.angles);
    }, nb::arg("before"), nb::arg("after"), nb::arg("rows"), nb::arg("columns"), nb::arg("shown").none(), nb::arg("normals"),
       "Of sums of blocks of rows × columns texels, where shown: how many, squares of differences by channel, angles².");

    m.def("worst_block", [](const Pixels& before, const Pixels& after, const std::optional<Mask>& shown, int side) {
        expect_alike(before, after, 3);
        if (side < 1) throw nb::value_error("blocks have a side");
        if (shown && (shown->shape(0) != before.shape(0) || shown->shape(1) != before.shape(1)))
            throw nb::value_error("the mask has another shape than the texture");
        const std::size_t height = before.shape(0), width = before.shape(1), channels = before.shape(2);
        const std::size_t down = std::max<std::size_t>(1, height / side), across = std::max<std::size_t>(1, width / side);
        std::vector<std::uint64_t> blocks(down * across, 0);
        {
            nb::gil_scoped_release release;
            for (std::size_t y = 0; y < height; ++y) {
                std::uint64_t* row = blocks.data() + std::min(y / side, down - 1) * across;
                for (std::size_t x = 0; x < width; ++x) {
                    if (shown && !shown->data()[y * width + x]) continue;
                    std::uint32_t total = 0;
                    for (std::size_t i = (y * width + x) * channels, end = i + channels; i < end; ++i) {
                        const int d = before.data()[i] - after.data()[i];
                        total += static_cast<std::uint32_t>(d * d);
                    }
                    row[std::min(x / side, across - 1)] += total;
                }
            }
        }
        return *std::max_element(blocks.begin(), blocks.end());
    }, nb::arg("before"), nb::arg("after"), nb::arg("shown").none(), nb::arg("side"),
       "The largest sum of squared differences in a block of side × side texels; the last of each row and column takes the rest.");
}
