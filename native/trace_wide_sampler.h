// The random numbers of trace_sampler.h, eight paths at a time; equal to them bit for bit.
#pragma once
#include "trace_sampler.h"
#include "trace_wide.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

NIGHTPROOF_INLINE Words mix(Words x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}
NIGHTPROOF_INLINE Words mix(Words a, Words b) { return mix(a ^ (mix(b) + 0x9e3779b9u + (a << 6) + (a >> 2))); }

NIGHTPROOF_INLINE Floats unit(Words bits) { return converted((Ints)(bits >> 8)) * 0x1p-24f; }

NIGHTPROOF_INLINE Words reversed(Words x) {
    x = (x >> 16) | (x << 16);
    x = ((x >> 8) & 0x00ff00ffu) | ((x & 0x00ff00ffu) << 8);
    x = ((x >> 4) & 0x0f0f0f0fu) | ((x & 0x0f0f0f0fu) << 4);
    x = ((x >> 2) & 0x33333333u) | ((x & 0x33333333u) << 2);
    return ((x >> 1) & 0x55555555u) | ((x & 0x55555555u) << 1);
}

NIGHTPROOF_INLINE Words scramble_upwards(Words x, Words seed) {
    x ^= x * 0x3d20adeau;
    x += seed;
    x *= (seed >> 16) | 1u;
    x ^= x * 0x05526c56u;
    x ^= x * 0x53a22864u;
    return x;
}

NIGHTPROOF_INLINE Words pascal(Words index) {
    index ^= (index >> 1) & 0x55555555u;
    index ^= (index >> 2) & 0x33333333u;
    index ^= (index >> 4) & 0x0f0f0f0fu;
    index ^= (index >> 8) & 0x00ff00ffu;
    index ^= (index >> 16) & 0x0000ffffu;
    return index;
}

struct Pairs {
    Floats x, y;
};

// `backward` is the reversed index.
NIGHTPROOF_INLINE Pairs sobol_pairs(Words seed, Words backward, Words pair) {
    const Words key = mix(seed, pair);
    const Words shuffled = reversed(scramble_upwards(backward, key));
    const Words x = reversed(scramble_upwards(shuffled, mix(key ^ 0x68bc21ebu)));
    const Words y = reversed(scramble_upwards(pascal(shuffled), mix(key ^ 0x02e5be93u)));
    return {unit(x), unit(y)};
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
