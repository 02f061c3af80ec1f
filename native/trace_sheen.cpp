// The albedo of the sheen lobe, by midpoint sums over the hemisphere.
#include "trace_sheen.h"

#include <cmath>
#include <vector>

namespace nightproof {
namespace {

constexpr int kZeniths = 96, kAzimuths = 48;
constexpr double kPi = 3.14159265358979323846;

float albedo(float cos_i, float alpha) {
    const double sin_i = std::sqrt(1.0 - double(cos_i) * cos_i);
    double sum = 0;
    for (int z = 0; z < kZeniths; ++z) {
        // Evenly in the angle: the lobe is strongest where light grazes.
        const double angle = (z + 0.5) * (kPi / 2 / kZeniths), cos_o = std::cos(angle), sin_o = std::sin(angle);
        const double shadowing = charlie_visibility(cos_i, float(cos_o), alpha);
        double ring = 0;
        for (int a = 0; a < kAzimuths; ++a) {
            const double around = std::cos((a + 0.5) * (kPi / kAzimuths));  // the lobe is even in the azimuth
            const double cos_between = cos_i * cos_o + sin_i * sin_o * around;
            ring += charlie(float((cos_i + cos_o) / std::sqrt(2 + 2 * cos_between)), alpha);
        }
        sum += ring * shadowing * cos_o * sin_o;
    }
    return float(sum * (kPi / 2 / kZeniths) * (2 * kPi / kAzimuths));
}

std::vector<float> table() {
    std::vector<float> values;
    values.reserve(kSheenRoughnesses * kSheenCosines);
    for (int r = 0; r < kSheenRoughnesses; ++r) {
        const float roughness = kLeastSheenRoughness + (1.f - kLeastSheenRoughness) * r / (kSheenRoughnesses - 1);
        for (int c = 0; c < kSheenCosines; ++c) {
            const float cosine = c == 0 ? 1e-3f : float(c) / (kSheenCosines - 1);  // normals never face away by more
            values.push_back(albedo(cosine, roughness * roughness));
        }
    }
    return values;
}

}  // namespace

const float* sheen_albedos() {
    static const std::vector<float> values = table();
    return values.data();
}

}  // namespace nightproof
