// Chart packing by falling charts, as in a well-known game (Lévy et al., Least Squares Conformal Maps, 2002): every
// chart drops onto the horizon of those before it, where it wastes least.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nightproof {

struct ChartPlace {
    std::int32_t x, y;  // added to the chart's texel coordinates
    std::int32_t page;  // negative: larger than a page
};

struct Packing {
    std::vector<ChartPlace> place;          // per chart
    std::vector<std::int32_t> page_height;  // rows in use, padding included
};

// `uv` in texels with each chart's lower corner at (0, 0); `chart` per triangle. No two charts' conservative texels
// come nearer than `padding` free texels, nor nearer than half of it (rounded up) to a page's border.
Packing pack_charts(const float* uv, const std::uint32_t* corners, const std::uint32_t* chart, std::size_t triangles,
                    std::size_t charts, int page_width, int page_height, int padding);

}  // namespace nightproof
