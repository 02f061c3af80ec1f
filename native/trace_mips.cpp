// Mip maps, averaged in linear light, 2 × 2 with the remainder of odd sizes folded in by area weights.
#include <algorithm>
#include <cmath>

#include "trace_scene.h"

namespace nightproof {
namespace {

float to_linear(const std::vector<float>& srgb, uint8_t value, bool encoded) {
    return encoded ? srgb[value] : value / 255.f;
}

// From linear light to the nearest byte: where to begin looking is told by a table.
class Encoder {
public:
    explicit Encoder(const std::vector<float>& srgb) : srgb_(srgb), begin_(kBuckets) {
        for (int b = 0; b < kBuckets; ++b)
            begin_[b] = int(std::upper_bound(srgb.begin(), srgb.end(), float(b) / kBuckets) - srgb.begin());
    }
    uint8_t operator()(float value) const {
        const int bucket = int(std::min(kBuckets - 1.f, std::max(0.f, value * kBuckets)));
        int above = begin_[bucket];
        while (above < 256 && srgb_[above] <= value) ++above;
        const int i = std::max(0, above - 1);
        return static_cast<uint8_t>(i < 255 && srgb_[i + 1] - value < value - srgb_[i] ? i + 1 : i);
    }

private:
    static constexpr int kBuckets = 4096;
    const std::vector<float>& srgb_;
    std::vector<int> begin_;
};

uint8_t plain_byte(float value) { return static_cast<uint8_t>(std::min(1.f, std::max(0.f, value)) * 255.f + 0.5f); }

// The share of source texel j in target texel i when `from` texels shrink to `to`.
template <class F>
void covered(int i, int from, int to, F&& f) {
    const double first = double(i) * from / to, last = double(i + 1) * from / to;
    for (int j = int(first); j < from && j < last; ++j) {
        const double share = std::min(last, j + 1.0) - std::max(first, double(j));
        if (share > 1e-9) f(j, float(share / (last - first)));
    }
}

// Of sizes that halve evenly, which most are, in whole numbers: sixteen bits of light, fourteen of a mean of four. The darkest step of
// sRGB is five of those.
struct Halver {
    static constexpr int kLightBits = 16, kMeanBits = 14;
    uint32_t light[256];
    std::vector<uint8_t> code = std::vector<uint8_t>(1 << kMeanBits);

    Halver(const std::vector<float>& srgb, const Encoder& to_byte) {
        for (int i = 0; i < 256; ++i) light[i] = uint32_t(srgb[i] * ((1 << kLightBits) - 1) + 0.5f);
        for (size_t i = 0; i < code.size(); ++i) code[i] = to_byte((float(i) + 0.5f) / (1 << kMeanBits));
    }

    void halve(const TextureLevel& from, bool encoded, const TextureLevel& to, uint8_t* out) const {
        for (int y = 0; y < to.height; ++y) {
            const uint8_t *above = from.bytes + size_t(8) * y * from.width, *below = above + size_t(4) * from.width;
            if (encoded)
                for (int x = 0; x < to.width; ++x, above += 8, below += 8, out += 4) {
                    for (int c = 0; c < 3; ++c)
                        out[c] = code[(light[above[c]] + light[above[c + 4]] + light[below[c]] + light[below[c + 4]]) >> (kLightBits + 2 - kMeanBits)];
                    out[3] = plain(above + 3, below + 3);
                }
            else
                for (int i = 0; i < 4 * to.width; ++i, ++out) *out = plain(above + 8 * (i / 4) + i % 4, below + 8 * (i / 4) + i % 4);
        }
    }

    static uint8_t plain(const uint8_t* above, const uint8_t* below) {
        return static_cast<uint8_t>((above[0] + above[4] + below[0] + below[4] + 2) >> 2);
    }
};

void shrink(const std::vector<float>& srgb, const TextureLevel& from, bool encoded, int width, int height,
            std::vector<float>& sums) {
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            covered(y, from.height, height, [&](int j, float wy) {
                covered(x, from.width, width, [&](int i, float wx) {
                    const size_t source = size_t(4) * (size_t(j) * from.width + i);
                    for (int c = 0; c < 4; ++c) {
                        const float value = from.floats ? from.floats[source + c]
                                                        : to_linear(srgb, from.bytes[source + c], encoded && c < 3);
                        sums[4 * (size_t(y) * width + x) + c] += value * wx * wy;
                    }
                });
            });
}

}  // namespace

void add_levels(const std::vector<float>& srgb, Texture& texture, TextureMemory& memory) {
    const Encoder to_byte(srgb);
    const Halver halver(srgb, to_byte);
    texture.levels = 1;
    while (texture.levels < kMaxLevels) {
        const TextureLevel& from = texture.level[texture.levels - 1];
        if (from.width == 1 && from.height == 1) break;
        TextureLevel to{};
        to.width = std::max(1, from.width / 2);
        to.height = std::max(1, from.height / 2);
        const size_t size = size_t(4) * to.width * to.height;
        if (!from.floats && from.width == 2 * to.width && from.height == 2 * to.height) {
            memory.bytes.emplace_back(size);
            halver.halve(from, texture.srgb, to, memory.bytes.back().data());
            to.bytes = memory.bytes.back().data();
            texture.level[texture.levels++] = to;
            continue;
        }
        std::vector<float> sums(size, 0.f);
        shrink(srgb, from, texture.srgb, to.width, to.height, sums);
        if (from.floats) {
            memory.floats.push_back(std::move(sums));
            to.floats = memory.floats.back().data();
        } else {
            memory.bytes.emplace_back(size);
            for (size_t i = 0; i < size; ++i)
                memory.bytes.back()[i] = texture.srgb && i % 4 < 3 ? to_byte(sums[i]) : plain_byte(sums[i]);
            to.bytes = memory.bytes.back().data();
        }
        texture.level[texture.levels++] = to;
    }
}

}  // namespace nightproof
