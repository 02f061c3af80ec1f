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
    x = __builtin_bswap32(x);
    x = ((x >> 4) & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
    x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
    return ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
}

// Owen's scrambling runs from the highest bit down; here on reversed bits, from the lowest up.
inline std::uint32_t scrambled_upwards(std::uint32_t x, std::uint32_t seed) {
    x ^= x * 0x3d20adeau;
    x += seed;
    x *= (seed >> 16) | 1u;
    x ^= x * 0x05526c56u;
    return x ^ (x * 0x53a22864u);
}

// The second Sobol dimension, bits reversed: Pascal's triangle modulo 2 as a product of five steps.
inline std::uint32_t pascal_reversed(std::uint32_t i) {
    i ^= (i >> 1) & 0x55555555u;
    i ^= (i >> 2) & 0x33333333u;
    i ^= (i >> 4) & 0x0f0f0f0fu;
    i ^= (i >> 8) & 0x00ff00ffu;
    return i ^ ((i >> 16) & 0x0000ffffu);
}

struct BakePair {
    double x, y;
};

inline BakePair bake_pair(std::uint32_t seed, std::uint32_t index, std::uint32_t pair) {
    const std::uint32_t key = bake_hash(seed ^ 0x51ed270bu, pair);
    const std::uint32_t i = bit_reversed(scrambled_upwards(bit_reversed(index), key));
    const std::uint32_t x = bit_reversed(scrambled_upwards(i, bake_hash(key ^ 0x68bc21ebu)));
    const std::uint32_t y = bit_reversed(scrambled_upwards(pascal_reversed(i), bake_hash(key ^ 0x02e5be93u)));
    return {x * 0x1p-32, y * 0x1p-32};
}

}  // namespace nightproof
