// Eight numbers at a time, in the compiler's own vector types: one register under AVX2, two under SSE2, plain code
// elsewhere. Lanes never mix, so what happens to a path does not depend on its neighbours.
#pragma once
#include "trace_math.h"
#ifdef __AVX__
#include <immintrin.h>
#endif

#define NIGHTPROOF_INLINE static inline __attribute__((always_inline))

namespace nightproof {
namespace NIGHTPROOF_ISA {

constexpr int kWide = 8;
typedef float Floats __attribute__((vector_size(4 * kWide)));
typedef int32_t Ints __attribute__((vector_size(4 * kWide)));   // also masks: −1 yes, 0 no
typedef uint32_t Words __attribute__((vector_size(4 * kWide)));

NIGHTPROOF_INLINE Floats all(float a) { return Floats{} + a; }
NIGHTPROOF_INLINE Ints all(int32_t a) { return Ints{} + a; }
NIGHTPROOF_INLINE Words all(uint32_t a) { return Words{} + a; }

template <class V, class T>
NIGHTPROOF_INLINE V load(const T* from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
}
template <class V, class T>
NIGHTPROOF_INLINE void store(T* to, V v) {
    std::memcpy(to, &v, sizeof v);
}

// f(lane) for every lane.
template <class F>
NIGHTPROOF_INLINE Floats floats(const F& f) {
    static_assert(kWide == 8, "write out another width");
    return Floats{f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)};
}
template <class F>
NIGHTPROOF_INLINE Ints ints(const F& f) {
    return Ints{f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7)};
}

// The first `kCount` (4 or 8) numbers of eight records that hold nothing but 4-byte numbers, turned into columns.
template <int kCount, class Record>
NIGHTPROOF_INLINE void columns(const Record* const* from, int skip, Floats* to) {
    static_assert(kCount == 4 || kCount == 8, "other widths are not written out");
#ifdef __AVX__
    const auto half = [&](int i, int at) {
        const auto* low_lane = reinterpret_cast<const char*>(from[i]) + 4 * (skip + at);
        const auto* high_lane = reinterpret_cast<const char*>(from[i + 4]) + 4 * (skip + at);
        return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(reinterpret_cast<const float*>(low_lane))),
                                    _mm_loadu_ps(reinterpret_cast<const float*>(high_lane)), 1);
    };
    for (int at = 0; at < kCount; at += 4) {
        const __m256 a = half(0, at), b = half(1, at), c = half(2, at), d = half(3, at);
        const __m256 ab = _mm256_unpacklo_ps(a, b), cd = _mm256_unpacklo_ps(c, d);
        const __m256 ab2 = _mm256_unpackhi_ps(a, b), cd2 = _mm256_unpackhi_ps(c, d);
        to[at] = (Floats)_mm256_shuffle_ps(ab, cd, 0x44);
        to[at + 1] = (Floats)_mm256_shuffle_ps(ab, cd, 0xee);
        to[at + 2] = (Floats)_mm256_shuffle_ps(ab2, cd2, 0x44);
        to[at + 3] = (Floats)_mm256_shuffle_ps(ab2, cd2, 0xee);
    }
#else
    float row[kWide][kCount];
    for (int i = 0; i < kWide; ++i) std::memcpy(row[i], reinterpret_cast<const char*>(from[i]) + 4 * skip, sizeof row[i]);
    for (int k = 0; k < kCount; ++k) to[k] = floats([&](int i) { return row[i][k]; });
#endif
}

NIGHTPROOF_INLINE Floats pick(Ints mask, Floats a, Floats b) { return mask ? a : b; }
NIGHTPROOF_INLINE Ints pick(Ints mask, Ints a, Ints b) { return mask ? a : b; }
NIGHTPROOF_INLINE Floats low(Floats a, Floats b) { return a < b ? a : b; }
NIGHTPROOF_INLINE Floats high(Floats a, Floats b) { return a > b ? a : b; }
NIGHTPROOF_INLINE Floats low(Floats a, float b) { return low(a, all(b)); }
NIGHTPROOF_INLINE Floats high(Floats a, float b) { return high(a, all(b)); }
NIGHTPROOF_INLINE Floats clamp(Floats a, float lowest, float highest) { return low(high(a, lowest), highest); }
NIGHTPROOF_INLINE Floats saturate(Floats a) { return clamp(a, 0.f, 1.f); }
NIGHTPROOF_INLINE Floats square(Floats a) { return a * a; }
NIGHTPROOF_INLINE Floats magnitude(Floats a) { return (Floats)((Ints)a & 0x7fffffff); }
NIGHTPROOF_INLINE Floats lerp(Floats a, Floats b, Floats t) { return a + (b - a) * t; }
NIGHTPROOF_INLINE Floats converted(Ints a) { return __builtin_convertvector(a, Floats); }
NIGHTPROOF_INLINE Ints truncated(Floats a) { return __builtin_convertvector(a, Ints); }

NIGHTPROOF_INLINE Floats bare_root(Floats a) {
#ifdef __AVX__
    return (Floats)_mm256_sqrt_ps((__m256)a);
#else
    return floats([&](int i) { return __builtin_sqrtf(a[i]); });
#endif
}
NIGHTPROOF_INLINE Floats root(Floats a) { return bare_root(high(a, 0.f)); }

// Bit i: lane i of a mask.
NIGHTPROOF_INLINE uint32_t bits(Ints mask) {
#ifdef __AVX__
    return static_cast<uint32_t>(_mm256_movemask_ps((__m256)mask));
#else
    uint32_t b = 0;
    for (int i = 0; i < kWide; ++i) b |= static_cast<uint32_t>(mask[i] & 1) << i;
    return b;
#endif
}
NIGHTPROOF_INLINE Ints mask_of(uint32_t bits) {
    return (Ints{1, 2, 4, 8, 16, 32, 64, 128} & static_cast<int32_t>(bits)) != 0;
}
NIGHTPROOF_INLINE int first_of(uint32_t bits) { return __builtin_ctz(bits); }

// The lanes of `bits` moved to the front, in order; what follows them has no meaning.
struct Fronts {
    alignas(32) int32_t lane[1 << kWide][kWide];
};
constexpr Fronts fronts() {
    Fronts f{};
    for (int b = 0; b < 1 << kWide; ++b)
        for (int i = 0, n = 0; i < kWide; ++i)
            if (b >> i & 1) f.lane[b][n++] = i;
    return f;
}
static constexpr Fronts kFronts = fronts();

NIGHTPROOF_INLINE Ints to_front(uint32_t bits) { return load<Ints>(kFronts.lane[bits]); }
NIGHTPROOF_INLINE Floats moved(Floats v, Ints from) {
#ifdef __AVX2__
    return (Floats)_mm256_permutevar8x32_ps((__m256)v, (__m256i)from);
#else
    return floats([&](int i) { return v[from[i]]; });
#endif
}

struct Vecs {
    Floats x, y, z;
};
NIGHTPROOF_INLINE Vecs greys(Floats a) { return {a, a, a}; }
NIGHTPROOF_INLINE Vecs operator+(const Vecs& a, const Vecs& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
NIGHTPROOF_INLINE Vecs operator-(const Vecs& a, const Vecs& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
NIGHTPROOF_INLINE Vecs operator-(const Vecs& a) { return {-a.x, -a.y, -a.z}; }
NIGHTPROOF_INLINE Vecs operator*(const Vecs& a, const Vecs& b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
NIGHTPROOF_INLINE Vecs operator*(const Vecs& a, Floats s) { return {a.x * s, a.y * s, a.z * s}; }
NIGHTPROOF_INLINE Vecs pick(Ints mask, const Vecs& a, const Vecs& b) {
    return {pick(mask, a.x, b.x), pick(mask, a.y, b.y), pick(mask, a.z, b.z)};
}
NIGHTPROOF_INLINE Floats dot(const Vecs& a, const Vecs& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
NIGHTPROOF_INLINE Vecs cross(const Vecs& a, const Vecs& b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
NIGHTPROOF_INLINE Vecs normalize(const Vecs& a) {
    const Floats squared = dot(a, a);
    const Ints some = squared > 0.f;
    return pick(some, a * (1.f / bare_root(squared)), Vecs{all(0.f), all(0.f), all(1.f)});
}
NIGHTPROOF_INLINE Floats greatest(const Vecs& a) { return high(a.x, high(a.y, a.z)); }
NIGHTPROOF_INLINE Floats luminance(const Vecs& a) { return 0.212671f * a.x + 0.715160f * a.y + 0.072169f * a.z; }
NIGHTPROOF_INLINE Ints black(const Vecs& a) { return ~((a.x > 0.f) | (a.y > 0.f) | (a.z > 0.f)); }
NIGHTPROOF_INLINE Ints finite(const Vecs& a) {
    const Floats sum = a.x + a.y + a.z;
    return sum - sum == 0.f;
}
NIGHTPROOF_INLINE Vec3 lane(const Vecs& a, int i) { return {a.x[i], a.y[i], a.z[i]}; }
NIGHTPROOF_INLINE void put(Vecs& a, int i, Vec3 v) {
    a.x[i] = v.x;
    a.y[i] = v.y;
    a.z[i] = v.z;
}

struct Frames {
    Vecs s, t, n;
};
NIGHTPROOF_INLINE Frames frame_of(const Vecs& n) {
    const Floats sign = pick(n.z < 0.f, all(-1.f), all(1.f));
    const Floats a = -1.f / (sign + n.z), b = n.x * n.y * a;
    return {{1.f + sign * n.x * n.x * a, sign * b, -sign * n.x}, {b, sign + n.y * n.y * a, -n.y}, n};
}
NIGHTPROOF_INLINE Vecs to_local(const Frames& f, const Vecs& v) { return {dot(v, f.s), dot(v, f.t), dot(v, f.n)}; }
NIGHTPROOF_INLINE Vecs to_world(const Frames& f, const Vecs& v) { return f.s * v.x + f.t * v.y + f.n * v.z; }

// As `turn` of one number, for t ≥ 0.
NIGHTPROOF_INLINE void turn(Floats t, Floats* sine, Floats* cosine) {
    const Ints q = truncated(t * 4.f + 0.5f);
    const Floats a = (t - converted(q) * 0.25f) * (2.f * kPi);
    const Floats a2 = a * a;
    const Floats s = a * (1.f + a2 * (-1.f / 6 + a2 * (1.f / 120 + a2 * (-1.f / 5040))));
    const Floats c = 1.f + a2 * (-0.5f + a2 * (1.f / 24 + a2 * (-1.f / 720 + a2 * (1.f / 40320))));
    const Ints odd = (q & 1) != 0;
    const Ints flip_sine = (q & 2) << 30, flip_cosine = ((q + 1) & 2) << 30;
    *sine = (Floats)((Ints)pick(odd, c, s) ^ flip_sine);
    *cosine = (Floats)((Ints)pick(odd, s, c) ^ flip_cosine);
}

// The angle of (x, y) in turns, −½ to ½; error below 1e-7 (arctangent: Hastings's polynomial, Abramowitz and Stegun 4.4.49).
NIGHTPROOF_INLINE Floats turns_of(Floats y, Floats x) {
    const Floats ax = magnitude(x), ay = magnitude(y);
    const Floats most = high(ax, ay), least = low(ax, ay);
    const Floats r = pick(most > 0.f, least / most, all(0.f)), r2 = r * r;
    Floats p = all(0.0028662257f);
    for (const float c : {-0.0161657367f, 0.0429096138f, -0.0752896400f, 0.1065626393f, -0.1420889944f, 0.1999355085f,
                          -0.3333314528f, 1.f})
        p = p * r2 + c;
    Floats t = p * r * (0.5f * kInvPi);
    t = pick(ay > ax, 0.25f - t, t);
    t = pick(x < 0.f, 0.5f - t, t);
    return pick(y < 0.f, -t, t);
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
