// Sobol points with Owen scrambling by hashes, padded: every pair of dimensions is the first two Sobol dimensions,
// shuffled and scrambled by seeds of its own (Burley, Practical Hash-based Owen Scrambling, JCGT 2020). The hash is
// Laine and Karras's in the improved form that Vegdahl gave it (2021). Samples are pure functions of (seed, index,
// pair), so paths may be traced in any order.
#pragma once
#include "trace_math.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

static inline uint32_t mix(uint32_t x) {  // lowbias32, Wellons 2018
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}
static inline uint32_t mix(uint32_t a, uint32_t b) { return mix(a ^ (mix(b) + 0x9e3779b9u + (a << 6) + (a >> 2))); }

static inline float unit(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

static inline uint32_t reversed(uint32_t x) {
    x = __builtin_bswap32(x);
    x = ((x >> 4) & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
    x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
    return ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
}

// A nested uniform scramble of the bits of x from the lowest up.
static inline uint32_t scramble_upwards(uint32_t x, uint32_t seed) {
    x ^= x * 0x3d20adeau;
    x += seed;
    x *= (seed >> 16) | 1u;
    x ^= x * 0x05526c56u;
    x ^= x * 0x53a22864u;
    return x;
}

// The second Sobol dimension of `index`, bits reversed: Pascal's triangle modulo 2 as a product of five steps.
static inline uint32_t pascal(uint32_t index) {
    index ^= (index >> 1) & 0x55555555u;
    index ^= (index >> 2) & 0x33333333u;
    index ^= (index >> 4) & 0x0f0f0f0fu;
    index ^= (index >> 8) & 0x00ff00ffu;
    index ^= (index >> 16) & 0x0000ffffu;
    return index;
}

struct Pair {
    float x, y;
};

static inline Pair sobol_pair(uint32_t seed, uint32_t index, uint32_t pair) {
    const uint32_t key = mix(seed, pair);
    const uint32_t shuffled = reversed(scramble_upwards(reversed(index), key));
    // Owen scrambling works from the most significant bit down, hence on reversed bits.
    const uint32_t x = reversed(scramble_upwards(shuffled, mix(key ^ 0x68bc21ebu)));
    const uint32_t y = reversed(scramble_upwards(pascal(shuffled), mix(key ^ 0x02e5be93u)));
    return {unit(x), unit(y)};
}

static inline Pair hashed_pair(uint32_t seed, uint32_t index, uint32_t pair) {
    const uint32_t key = mix(mix(seed, pair), index);
    return {unit(key), unit(mix(key ^ 0xb5297a4du))};
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
