#include "bake_texels.h"

#include <algorithm>
#include <cmath>

namespace nightproof {
namespace {

// Coordinates are rounded to 1/256 texel so that edge functions are exact in 64-bit integers: two triangles that
// share an edge agree to the last bit on which side a point lies.
constexpr double kGrid = 256.0;
constexpr std::int64_t kTexel = 256;

struct Corner {
    std::int64_t x, y;
};

Corner snap(const float* uv, std::uint32_t index) {
    return {static_cast<std::int64_t>(std::llround(uv[2 * index] * kGrid)),
            static_cast<std::int64_t>(std::llround(uv[2 * index + 1] * kGrid))};
}

std::int64_t edge(Corner a, Corner b, std::int64_t x, std::int64_t y) {
    return (b.x - a.x) * (y - a.y) - (b.y - a.y) * (x - a.x);
}

struct Snapped {
    Corner a, b, c;  // counter-clockwise in (x, y)
    int x0, x1, y0, y1;  // touched texels, half open
    bool empty;
};

Snapped snapped(const float* uv, const std::uint32_t* corner, int width, int height) {
    Snapped t{snap(uv, corner[0]), snap(uv, corner[1]), snap(uv, corner[2]), 0, 0, 0, 0, false};
    const std::int64_t area = edge(t.a, t.b, t.c.x, t.c.y);
    if (area < 0) std::swap(t.b, t.c);
    const auto low = [](std::int64_t v) { return v >> 8; };
    const auto high = [](std::int64_t v) { return (v + kTexel - 1) >> 8; };
    const auto [lx, hx] = std::minmax({t.a.x, t.b.x, t.c.x});
    const auto [ly, hy] = std::minmax({t.a.y, t.b.y, t.c.y});
    t.x0 = static_cast<int>(std::clamp<std::int64_t>(low(lx), 0, width));
    t.x1 = static_cast<int>(std::clamp<std::int64_t>(std::max(high(hx), low(lx) + 1), 0, width));
    t.y0 = static_cast<int>(std::clamp<std::int64_t>(low(ly), 0, height));
    t.y1 = static_cast<int>(std::clamp<std::int64_t>(std::max(high(hy), low(ly) + 1), 0, height));
    t.empty = t.x0 >= t.x1 || t.y0 >= t.y1;
    return t;
}

// Whether the square of texel (x, y) lies wholly outside edge ab: its innermost corner is on the outer side.
bool outside(Corner a, Corner b, int x, int y) {
    const std::int64_t dx = b.x - a.x, dy = b.y - a.y;
    if (dx == 0 && dy == 0) return false;
    const std::int64_t px = dy > 0 ? std::int64_t(x) * kTexel : std::int64_t(x + 1) * kTexel;
    const std::int64_t py = dx > 0 ? std::int64_t(y + 1) * kTexel : std::int64_t(y) * kTexel;
    return edge(a, b, px, py) < 0 || (edge(a, b, px, py) == 0);
}

// A triangle that rounding flattened to a line still claims the texels that its longest edge runs through: better one
// texel too many than a surface without light.
template <typename Visit>
void touched_by_line(const Snapped& t, const Visit& visit) {
    Corner from = t.a, to = t.a;
    for (const Corner corner : {t.b, t.c}) {
        if (corner.x < from.x || (corner.x == from.x && corner.y < from.y)) from = corner;
        if (corner.x > to.x || (corner.x == to.x && corner.y > to.y)) to = corner;
    }
    const std::int64_t dx = to.x - from.x, dy = to.y - from.y;
    const auto row = [&](std::int64_t x) { return dx ? from.y + dy * (x - from.x) / dx : from.y; };
    for (int x = t.x0; x < t.x1; ++x) {
        const std::int64_t left = std::clamp<std::int64_t>(std::int64_t(x) * kTexel, from.x, to.x);
        const std::int64_t right = std::clamp<std::int64_t>(std::int64_t(x + 1) * kTexel, from.x, to.x);
        const auto [lowest, highest] = std::minmax(row(left), dx ? row(right) : to.y);
        const int first = std::max(t.y0, static_cast<int>(lowest >> 8));
        const int last = std::min(t.y1 - 1, static_cast<int>(highest >> 8));
        for (int y = first; y <= last; ++y) visit(x, y);
    }
}

// Texels that are `known` need no visit.
template <typename Visit, typename Known>
void touched(const Snapped& t, const Visit& visit, const Known& known) {
    if (edge(t.a, t.b, t.c.x, t.c.y) == 0) return touched_by_line(t, visit);
    for (int y = t.y0; y < t.y1; ++y)
        for (int x = t.x0; x < t.x1; ++x)
            if (!known(x, y) && !outside(t.a, t.b, x, y) && !outside(t.b, t.c, x, y) && !outside(t.c, t.a, x, y)) visit(x, y);
}

template <typename Visit>
void touched(const Snapped& t, const Visit& visit) {
    touched(t, visit, [](int, int) { return false; });
}

}  // namespace

TexelCover cover_texels(const float* uv, const std::uint32_t* corners, std::size_t triangles, int width, int height) {
    const std::size_t texels = static_cast<std::size_t>(width) * height;
    std::vector<std::uint32_t> count(texels + 1, 0);
    for (std::size_t i = 0; i < triangles; ++i) {
        const Snapped t = snapped(uv, corners + 3 * i, width, height);
        if (!t.empty) touched(t, [&](int x, int y) { ++count[static_cast<std::size_t>(y) * width + x]; });
    }
    TexelCover cover;
    std::uint32_t total = 0;
    for (std::size_t i = 0; i < texels; ++i) {
        const std::uint32_t here = count[i];
        if (here) {
            cover.texel.push_back(static_cast<std::uint32_t>(i));
            cover.start.push_back(total);
        }
        count[i] = total;  // from now on: where the next triangle of this texel goes
        total += here;
    }
    cover.start.push_back(total);
    cover.triangle.resize(total);
    for (std::size_t i = 0; i < triangles; ++i) {
        const Snapped t = snapped(uv, corners + 3 * i, width, height);
        if (!t.empty)
            touched(t, [&](int x, int y) {
                cover.triangle[count[static_cast<std::size_t>(y) * width + x]++] = static_cast<std::uint32_t>(i);
            });
    }
    return cover;
}

void touch_texels(const float* uv, const std::uint32_t* corners, std::size_t triangles, int width, int height,
                  std::uint8_t* found) {
    std::fill(found, found + static_cast<std::size_t>(width) * height, std::uint8_t{0});
    for (std::size_t i = 0; i < triangles; ++i) {
        const Snapped t = snapped(uv, corners + 3 * i, width, height);
        const auto known = [&](int x, int y) { return found[static_cast<std::size_t>(y) * width + x] != 0; };
        if (!t.empty) touched(t, [&](int x, int y) { found[static_cast<std::size_t>(y) * width + x] = 1; }, known);
    }
}

void count_centres(const float* uv, const std::uint32_t* corners, std::size_t triangles, int width, int height,
                   std::uint8_t* counts) {
    std::fill(counts, counts + static_cast<std::size_t>(width) * height, std::uint8_t{0});
    const auto inside = [](Corner a, Corner b, std::int64_t x, std::int64_t y) {
        const std::int64_t e = edge(a, b, x, y);
        if (e != 0) return e > 0;
        return a.y == b.y ? b.x > a.x : b.y < a.y;  // an edge belongs to one of its two sides only
    };
    for (std::size_t i = 0; i < triangles; ++i) {
        const Snapped t = snapped(uv, corners + 3 * i, width, height);
        if (t.empty || edge(t.a, t.b, t.c.x, t.c.y) == 0) continue;
        for (int y = t.y0; y < t.y1; ++y)
            for (int x = t.x0; x < t.x1; ++x) {
                const std::int64_t px = std::int64_t(x) * kTexel + kTexel / 2, py = std::int64_t(y) * kTexel + kTexel / 2;
                if (!inside(t.a, t.b, px, py) || !inside(t.b, t.c, px, py) || !inside(t.c, t.a, px, py)) continue;
                std::uint8_t& n = counts[static_cast<std::size_t>(y) * width + x];
                if (n < 255) ++n;
            }
    }
}

double nearest_in_triangle(Point2 p, Point2 a, Point2 b, Point2 c, double& u, double& v) {
    const double abx = b.x - a.x, aby = b.y - a.y, acx = c.x - a.x, acy = c.y - a.y;
    const double apx = p.x - a.x, apy = p.y - a.y;
    const double det = abx * acy - aby * acx;
    if (det != 0) {
        u = (apx * acy - apy * acx) / det;
        v = (abx * apy - aby * apx) / det;
        if (u >= 0 && v >= 0 && u + v <= 1) return 0;
    }
    double best = -1;
    const auto along = [&](Point2 s, Point2 e, double us, double vs, double ue, double ve) {
        const double dx = e.x - s.x, dy = e.y - s.y, length_sq = dx * dx + dy * dy;
        const double t = length_sq > 0 ? std::clamp(((p.x - s.x) * dx + (p.y - s.y) * dy) / length_sq, 0.0, 1.0) : 0.0;
        const double ex = s.x + t * dx - p.x, ey = s.y + t * dy - p.y, distance = ex * ex + ey * ey;
        if (best < 0 || distance < best) {
            best = distance;
            u = us + t * (ue - us);
            v = vs + t * (ve - vs);
        }
    };
    along(a, b, 0, 0, 1, 0);
    along(b, c, 1, 0, 0, 1);
    along(c, a, 0, 1, 0, 0);
    return best;
}

}  // namespace nightproof
