#include "bake_pack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace nightproof {
namespace {

// What a chart covers in every texel column: rows [lowest, highest).
struct Profile {
    std::vector<int> lowest, highest;
    int top = 0;
    int width() const { return static_cast<int>(lowest.size()); }
};

void widen(Profile& profile, int column, float low, float high) {
    if (column < 0) return;
    if (column >= profile.width()) {
        profile.lowest.resize(column + 1, std::numeric_limits<int>::max());
        profile.highest.resize(column + 1, 0);
    }
    // A 256th of a texel more on both sides: the cover rounds coordinates to that grid.
    constexpr float kSlack = 1.f / 256;
    const int from = std::max(0, static_cast<int>(std::floor(low - kSlack)));
    const int to = static_cast<int>(std::floor(high + kSlack)) + 1;
    profile.lowest[column] = std::min(profile.lowest[column], from);
    profile.highest[column] = std::max(profile.highest[column], to);
    profile.top = std::max(profile.top, to);
}

void add_edge(Profile& profile, const float* a, const float* b) {
    if (a[0] > b[0]) std::swap(a, b);
    constexpr float kSlack = 1.f / 256;
    const int first = static_cast<int>(std::floor(a[0] - kSlack)), last = static_cast<int>(std::floor(b[0] + kSlack));
    for (int column = std::max(first, 0); column <= last; ++column) {
        float y0 = a[1], y1 = b[1];
        if (b[0] > a[0]) {
            const float slope = (b[1] - a[1]) / (b[0] - a[0]);
            y0 = a[1] + (std::clamp(column - kSlack, a[0], b[0]) - a[0]) * slope;
            y1 = a[1] + (std::clamp(column + 1 + kSlack, a[0], b[0]) - a[0]) * slope;
        }
        widen(profile, column, std::min(y0, y1), std::max(y0, y1));
    }
}

// Columns a chart skips (never in a connected one) still take part: nothing fits through.
void close_gaps(Profile& profile) {
    for (int c = 0; c < profile.width(); ++c)
        if (profile.highest[c] == 0) {
            profile.lowest[c] = 0;
            profile.highest[c] = 1;
        }
}

// A chart with its padding: columns grow to both sides, and each takes the extremes of its neighbourhood.
Profile padded(const Profile& bare, int padding) {
    Profile grown;
    const int width = bare.width() + padding;
    grown.lowest.assign(width, std::numeric_limits<int>::max());
    grown.highest.assign(width, 0);
    for (int c = 0; c < bare.width(); ++c)
        for (int g = c; g <= c + padding; ++g) {
            grown.lowest[g] = std::min(grown.lowest[g], bare.lowest[c]);
            grown.highest[g] = std::max(grown.highest[g], bare.highest[c] + padding);
        }
    grown.top = bare.top + padding;
    return grown;
}

struct Horizon {
    std::vector<int> height;
    int top = 0;
};

struct Fit {
    long long cost;
    int x, y;
};

// The place where a chart lies lowest, and of those the one that buries the fewest texels.
bool drop(const Horizon& horizon, const Profile& chart, int page_height, Fit& best) {
    const int width = chart.width(), span = static_cast<int>(horizon.height.size()) - width;
    bool found = false;
    // Wide charts try every second, fourth … column: the best place changes slowly with x.
    const int step = std::max(1, width / 32);
    for (int x = 0; x <= span; x += step) {
        int y = 0;
        for (int c = 0; c < width; ++c) y = std::max(y, horizon.height[x + c] - chart.lowest[c]);
        if (y + chart.top > page_height) continue;
        long long buried = 0;
        for (int c = 0; c < width; ++c) buried += y + chart.lowest[c] - horizon.height[x + c];
        const long long cost = static_cast<long long>(y + chart.top) * 4 * width + buried;
        if (!found || cost < best.cost) {
            best = {cost, x, y};
            found = true;
        }
    }
    return found;
}

}  // namespace

Packing pack_charts(const float* uv, const std::uint32_t* corners, const std::uint32_t* chart, std::size_t triangles,
                    std::size_t charts, int page_width, int page_height, int padding) {
    std::vector<Profile> bare(charts);
    for (std::size_t t = 0; t < triangles; ++t)
        for (int k = 0; k < 3; ++k)
            add_edge(bare[chart[t]], uv + 2 * corners[3 * t + k], uv + 2 * corners[3 * t + (k + 1) % 3]);
    std::vector<std::uint32_t> order(charts);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return bare[a].top > bare[b].top; });
    Packing packing;
    packing.place.assign(charts, ChartPlace{0, 0, -1});
    // Charts are padded on their right and upper sides only; the margin gives the left and lower borders theirs.
    const int margin = (padding + 1) / 2;
    std::vector<Horizon> pages;
    for (const std::uint32_t index : order) {
        close_gaps(bare[index]);
        const Profile whole = padded(bare[index], padding);
        if (whole.width() > page_width - margin || whole.top > page_height - margin) continue;
        for (std::size_t page = 0;; ++page) {
            if (page == pages.size()) pages.push_back({std::vector<int>(page_width - margin, 0), 0});
            Horizon& horizon = pages[page];
            Fit fit{};
            if (!drop(horizon, whole, page_height - margin, fit)) continue;
            for (int c = 0; c < whole.width(); ++c)
                horizon.height[fit.x + c] = std::max(horizon.height[fit.x + c], fit.y + whole.highest[c]);
            horizon.top = std::max(horizon.top, fit.y + whole.top);
            packing.place[index] = {fit.x + margin, fit.y + margin, static_cast<std::int32_t>(page)};
            break;
        }
    }
    for (const Horizon& horizon : pages) packing.page_height.push_back(horizon.top + margin);
    return packing;
}

}  // namespace nightproof
