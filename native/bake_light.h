// Light on the texels of an atlas page: outgoing radiance, averaged over where each texel is seen from.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tracer.h"

namespace nightproof {

struct BakeCamera {
    Vec3 right, up, backward, position;
    float half_width, half_height;  // of the image plane at distance 1
};

// One page's triangles in texels, and which triangle of the scene each is; `back`: its back is baked.
struct BakePage {
    const float* uv;
    const std::uint32_t* corners;
    const std::uint32_t* triangle;
    const std::uint8_t* back;
    std::uint32_t width, number;
};

// Texels as `TexelCover` has them.
struct BakeTexels {
    const std::uint32_t *texel, *start, *triangle;
    std::size_t count;
};

// A finished lightmap that paths read where they meet a surface again, instead of going on.
struct GatherMap {
    const std::int32_t* page;  // 2 per scene triangle (front, back); negative: not in the map, paths go on
    const float* uv;           // 12 per scene triangle: front and back corners in texels
    const float* near_m;       // 2 per scene triangle: paths that come from nearer don't read
    const float* const* radiance;       // per page, RGB
    const std::uint8_t* const* valid;   // per page
    const int *width, *height;          // per page
};

struct BakeSettings {
    std::uint32_t seed;
    int least_samples, most_samples;  // per texel; rounds of `least_samples`
    float error;         // wanted standard error of a texel relative to its luminance + floor
    float floor;         // radiance that counts as dark
    float unseen;        // weight of the cosine-weighted hemisphere beside the viewers, in viewers
    float near_m;        // distance below which closer viewers weigh no more
    int max_depth, first_roulette;
    bool without_emission;
    bool irradiance;     // instead of outgoing radiance: what arrives, over π
};

// Sums over pairs of paths that start at one place with the same random numbers and leave towards two viewers: what
// both scatter alike cancels, and with it most of the noise. Of pairs (ω, L), (ω', L') with Δω = ω − ω', ΔL = L − L':
// n, Σω (3), ½ΣΔωΔωᵀ (xx xy xz yy yz zz), ΣL (3), ½ΣΔωΔL (9, by axis, then channel), ½ΣΔY² of the luminance.
constexpr int kMoments = 23;
constexpr float kBrightest = 3.f;  // times the texel's median: light beyond counts as that much, or one path drowns all

struct BakeResult {
    float* radiance;        // RGB, mean
    float* albedo;          // RGB, mean at the very same points
    float* error;           // standard error of the luminance
    std::uint16_t* seen;    // how many viewers see the texel
    std::uint8_t* valid;    // 0: within solid, no light can be told
    std::uint16_t* samples;
    float* moments;         // kMoments per texel: paths then come in pairs, `least_samples` of them; or null
};

constexpr std::size_t kBakeBlock = 32;  // texels whose paths advance together

// Bakes texels [first, last) into `result`, single-threaded; every texel depends on its own number alone.
void bake_block(const SceneView&, const BakePage&, const BakeTexels&, std::size_t first, std::size_t last,
                const std::vector<BakeCamera>&, const GatherMap*, const BakeSettings&, const BakeResult&);

// What texels show besides light: base colour plus glow, each clipped to [0, 1], averaged over `samples` points; and the
// place at the texel's centre: which triangle of the page, and where on it.
struct BakeDetail {
    float* colour;             // RGB
    std::uint32_t* triangle;   // of the page
    float* place;              // u, v
};
void detail_block(const SceneView&, const BakePage&, const BakeTexels&, std::size_t first, std::size_t last, int samples,
                  const BakeDetail&);

}  // namespace nightproof
