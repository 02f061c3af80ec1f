// Which triangles cover which texels of an atlas page: conservative, exact at shared edges, single-threaded.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

namespace nightproof {

struct Point2 {
    double x, y;
};

// The texels of a page that any triangle touches, in row order, and for each the triangles that touch it.
struct TexelCover {
    std::vector<std::uint32_t> texel;     // y * width + x, ascending
    std::vector<std::uint32_t> start;     // one more than texels: where each one's triangles begin
    std::vector<std::uint32_t> triangle;  // ascending within a texel
};

// `uv` in texels: the first texel covers [0, 1]². Parts outside the page are cut off. A texel is touched where its
// closed square and the triangle share area (a common border alone does not count).
TexelCover cover_texels(const float* uv, const std::uint32_t* corners, std::size_t triangles, int width, int height);

// Which texels any triangle touches, 0 or 1 each: what `cover_texels` says, without whose they are.
void touch_texels(const float* uv, const std::uint32_t* corners, std::size_t triangles, int width, int height,
                  std::uint8_t* touched);

// How many triangles hold each texel's centre. Centres on a shared edge count once (top-left rule).
void count_centres(const float* uv, const std::uint32_t* corners, std::size_t triangles, int width, int height,
                   std::uint8_t* counts);

// Barycentrics (of the second and third corner) of the point of triangle abc nearest to p; returns the squared distance.
double nearest_in_triangle(Point2 p, Point2 a, Point2 b, Point2 c, double& u, double& v);

}  // namespace nightproof
