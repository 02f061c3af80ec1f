// Owen-scrambled Sobol points in two dimensions for choices that the bake makes before a path starts: where in the
// texel, which viewer. Paths take their own (native/trace_sampler.h); pairs here are keyed apart from those.
// Burley, Practical Hash-based Owen Scrambling, JCGT 2020.
#pragma once
#include <cstdint>

namespace nightproof {

inline std::uint32_t bake_hash(std::uint32_t x) {  // lowbias32, Wellons 2018
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

inline std::uint32_t bake_hash(std::uint32_t a, std::uint32_t b) { return bake_hash(a ^ (bake_hash(b) + 0x9e3779b9u)); }

inline std::uint32_t bit_reversed(std::uint32_t x) {
    x = ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
    x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
    x = ((x >> 4) & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
    x = ((x >> 8) & 0x00ff00ffu) | ((x & 0x00ff00ffu) << 8);
    return (x >> 16) | (x << 16);
}

inline std::uint32_t owen(std::uint32_t x, std::uint32_t seed) {  // bits reversed before and after
    x = bit_reversed(x);
    x ^= x * 0x3d20adeau;
    x += seed;
    x *= (seed >> 16) | 1u;
    x ^= x * 0x05526c56u;
    x ^= x * 0x53a22864u;
    return bit_reversed(x);
}

struct BakePair {
    double x, y;
};

inline BakePair bake_pair(std::uint32_t seed, std::uint32_t index, std::uint32_t pair) {
    const std::uint32_t key = bake_hash(seed ^ 0x51ed270bu, pair);
    const std::uint32_t i = owen(index, key);
    std::uint32_t second = 0, column = 0x80000000u;  // the second Sobol dimension: Pascal's triangle modulo 2
    for (std::uint32_t bits = i; bits; bits >>= 1, column ^= column >> 1)
        if (bits & 1u) second ^= column;
    const std::uint32_t x = owen(bit_reversed(i), bake_hash(key ^ 0x68bc21ebu));
    const std::uint32_t y = owen(second, bake_hash(key ^ 0x02e5be93u));
    return {x * 0x1p-32, y * 0x1p-32};
}

}  // namespace nightproof
