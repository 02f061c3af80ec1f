// Mip maps, averaged in linear light, 2 × 2 with the remainder of odd sizes folded in by area weights.
#include <algorithm>
#include <cmath>

#include "trace_scene.h"

namespace nightproof {
namespace {

float to_linear(const std::vector<float>& srgb, uint8_t value, bool encoded) {
    return encoded ? srgb[value] : value / 255.f;
}

uint8_t to_byte(const std::vector<float>& srgb, float value, bool encoded) {
    if (!encoded) return static_cast<uint8_t>(std::lround(std::min(1.f, std::max(0.f, value)) * 255.f));
    const auto above = std::upper_bound(srgb.begin(), srgb.end(), value);
    const long i = std::min<long>(255, std::max<long>(0, above - srgb.begin() - 1));
    return static_cast<uint8_t>(i < 255 && srgb[i + 1] - value < value - srgb[i] ? i + 1 : i);
}

// The share of source texel j in target texel i when `from` texels shrink to `to`.
template <class F>
void covered(int i, int from, int to, F&& f) {
    const double first = double(i) * from / to, last = double(i + 1) * from / to;
    for (int j = int(first); j < from && j < last; ++j) {
        const double share = std::min(last, j + 1.0) - std::max(first, double(j));
        if (share > 1e-9) f(j, float(share / (last - first)));
    }
}

}  // namespace

void add_levels(TraceScene::Parts& parts, Texture& texture) {
    texture.levels = 1;
    while (texture.levels < kMaxLevels) {
        const TextureLevel& from = texture.level[texture.levels - 1];
        if (from.width == 1 && from.height == 1) break;
        TextureLevel to{};
        to.width = std::max(1, from.width / 2);
        to.height = std::max(1, from.height / 2);
        const size_t size = size_t(4) * to.width * to.height;
        std::vector<float> sums(size, 0.f);
        for (int y = 0; y < to.height; ++y)
            for (int x = 0; x < to.width; ++x)
                covered(y, from.height, to.height, [&](int j, float wy) {
                    covered(x, from.width, to.width, [&](int i, float wx) {
                        const size_t source = size_t(4) * (size_t(j) * from.width + i);
                        for (int c = 0; c < 4; ++c) {
                            const float value = from.floats ? from.floats[source + c]
                                                            : to_linear(parts.srgb, from.bytes[source + c],
                                                                        texture.srgb && c < 3);
                            sums[4 * (size_t(y) * to.width + x) + c] += value * wx * wy;
                        }
                    });
                });
        if (from.floats) {
            parts.float_levels.push_back(std::move(sums));
            to.floats = parts.float_levels.back().data();
        } else {
            std::vector<uint8_t> bytes(size);
            for (size_t i = 0; i < size; ++i) bytes[i] = to_byte(parts.srgb, sums[i], texture.srgb && i % 4 < 3);
            parts.byte_levels.push_back(std::move(bytes));
            to.bytes = parts.byte_levels.back().data();
        }
        texture.level[texture.levels++] = to;
    }
}

}  // namespace nightproof
