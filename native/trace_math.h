// Vectors and small maths for code in native/isa/. Everything is static in the namespace of one instruction set.
#pragma once
#ifndef NIGHTPROOF_ISA
#error "for files in native/isa/ only: they are compiled once per instruction set"
#endif
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tracer.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

constexpr float kPi = 3.14159265358979f, kInvPi = 0.318309886183791f;
constexpr float kInfinity = __builtin_huge_valf();

static inline Vec3 vec(float x, float y, float z) { return Vec3{x, y, z}; }
static inline Vec3 grey(float a) { return Vec3{a, a, a}; }
static inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline Vec3 operator-(Vec3 a) { return {-a.x, -a.y, -a.z}; }
static inline Vec3 operator*(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
static inline Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
static inline Vec3 operator*(float s, Vec3 a) { return a * s; }
static inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline Vec3 cross(Vec3 a, Vec3 b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
static inline float low(float a, float b) { return a < b ? a : b; }
static inline float high(float a, float b) { return a > b ? a : b; }
static inline float clamp(float a, float lowest, float highest) { return low(high(a, lowest), highest); }
static inline float saturate(float a) { return clamp(a, 0.f, 1.f); }
static inline float square(float a) { return a * a; }
static inline float root(float a) { return __builtin_sqrtf(high(a, 0.f)); }
static inline float magnitude(float a) { return __builtin_fabsf(a); }
static inline float lerp(float a, float b, float t) { return a + (b - a) * t; }
static inline Vec3 lerp(Vec3 a, Vec3 b, float t) { return a + (b - a) * t; }
static inline float length(Vec3 a) { return root(dot(a, a)); }
static inline Vec3 normalize(Vec3 a) {
    const float squared = dot(a, a);
    return squared > 0.f ? a * (1.f / __builtin_sqrtf(squared)) : vec(0, 0, 1);
}
static inline float greatest(Vec3 a) { return high(a.x, high(a.y, a.z)); }
static inline float luminance(Vec3 a) { return 0.212671f * a.x + 0.715160f * a.y + 0.072169f * a.z; }
static inline bool black(Vec3 a) { return !(a.x > 0.f || a.y > 0.f || a.z > 0.f); }
static inline bool finite(Vec3 a) {
    const float sum = a.x + a.y + a.z;
    return sum - sum == 0.f;
}
static inline Vec3 exponential(Vec3 a) { return {std::exp(a.x), std::exp(a.y), std::exp(a.z)}; }

// An orthonormal frame round a unit normal (Duff et al., Building an Orthonormal Basis, Revisited, JCGT 2017).
struct Frame {
    Vec3 s, t, n;
};
static inline Frame frame_of(Vec3 n) {
    const float sign = n.z < 0.f ? -1.f : 1.f;
    const float a = -1.f / (sign + n.z), b = n.x * n.y * a;
    return {vec(1.f + sign * n.x * n.x * a, sign * b, -sign * n.x), vec(b, sign + n.y * n.y * a, -n.y), n};
}
static inline Vec3 to_local(const Frame& f, Vec3 v) { return {dot(v, f.s), dot(v, f.t), dot(v, f.n)}; }
static inline Vec3 to_world(const Frame& f, Vec3 v) { return f.s * v.x + f.t * v.y + f.n * v.z; }

// Sine and cosine of 2π t, t in [0, 1): a polynomial on the quarter turn, error below 1e-6.
static inline void turn(float t, float* sine, float* cosine) {
    const float quarter = __builtin_floorf(t * 4.f + 0.5f);
    const float a = (t - quarter * 0.25f) * (2.f * kPi);  // in ±π/4
    const float a2 = a * a;
    const float s = a * (1.f + a2 * (-1.f / 6 + a2 * (1.f / 120 + a2 * (-1.f / 5040))));
    const float c = 1.f + a2 * (-0.5f + a2 * (1.f / 24 + a2 * (-1.f / 720 + a2 * (1.f / 40320))));
    const int q = static_cast<int>(quarter) & 3;
    *sine = q == 0 ? s : q == 1 ? c : q == 2 ? -s : -c;
    *cosine = q == 0 ? c : q == 1 ? -s : q == 2 ? -c : s;
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
