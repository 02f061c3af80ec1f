// Light from lights: which one to sample from a point, where on it, and how likely that was.
//
// Lights that have a place hang in a binary tree; going down it, each child is taken in proportion to how much it
// could send at most: power, distance, the cones of its normals and of the receiver (Conty Estevez and Kulla,
// Importance Sampling of Many Lights with Adaptive Tree Splitting, 2018, without the splitting).
#pragma once
#include "trace_surface.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

// A point that receives light. `normal` zero: from all sides.
struct Receiver {
    Vec3 position, normal;
};

struct LightSample {
    Vec3 direction;
    float distance;
    Vec3 radiance;  // over the density, for lights that a ray can't hit
    float pdf;      // per solid angle, choice included; 0: nothing
    bool hittable;
};

// cos(max(a − b, 0)) from sines and cosines of a and b in [0, π].
static inline float cos_beyond(float sin_a, float cos_a, float sin_b, float cos_b) {
    return cos_a > cos_b ? 1.f : cos_a * cos_b + sin_a * sin_b;
}
static inline float sin_beyond(float sin_a, float cos_a, float sin_b, float cos_b) {
    return cos_a > cos_b ? 0.f : sin_a * cos_b - cos_a * sin_b;
}

static inline float importance(const LightNode& node, const Receiver& at) {
    const Vec3 towards = node.centre - at.position;
    const float radius2 = node.radius2;
    const float distance2 = high(dot(towards, towards), 1e-20f);
    const Vec3 direction = towards * (1.f / __builtin_sqrtf(distance2));
    // The cone under which the box is seen; from inside it is everything.
    const float sin2_box = radius2 / distance2;
    const float cos_box = sin2_box >= 1.f ? -1.f : __builtin_sqrtf(1.f - sin2_box);
    const float sin_box = sin2_box >= 1.f ? 0.f : __builtin_sqrtf(sin2_box);
    float value = node.power / high(distance2, radius2);
    if (node.cos_spread > -1.f) {
        float cosine = -dot(node.axis, direction);
        if (node.sided > 0.f) cosine = magnitude(cosine);
        const float sine = root(1.f - cosine * cosine), sin_spread = node.sin_spread;
        const float c = cos_beyond(sine, cosine, sin_spread, node.cos_spread);
        const float s = sin_beyond(sine, cosine, sin_spread, node.cos_spread);
        const float best = cos_box < 0.f ? 1.f : cos_beyond(s, c, sin_box, cos_box);
        if (!(best > 0.f)) return 0.f;
        value *= best;
    }
    if (at.normal.x != 0.f || at.normal.y != 0.f || at.normal.z != 0.f) {
        const float cosine = clamp(dot(at.normal, direction), -1.f, 1.f);
        const float best = cos_box < 0.f ? 1.f : cos_beyond(root(1.f - cosine * cosine), cosine, sin_box, cos_box);
        if (!(best > 0.f)) return 0.f;
        value *= best;
    }
    return value;
}

// Walks down the tree with u in [0, 1); kNone where nothing can arrive. `odds` gets the probability.
static inline uint32_t choose_light(const SceneView& scene, const Receiver& at, float u, float* odds) {
    const LightNode* node = scene.tree;
    float p = 1.f;
    while (node->child != kNone) {
        const LightNode* children = scene.tree + node->child;
        const float a = importance(children[0], at), b = importance(children[1], at);
        if (!(a + b > 0.f)) return kNone;
        const float left = a / (a + b);
        if (u < left) {
            u = low(u / left, 0x1.fffffep-1f);
            p *= left;
            node = children;
        } else {
            u = low((u - left) / (1.f - left), 0x1.fffffep-1f);
            p *= 1.f - left;
            node = children + 1;
        }
    }
    *odds = p;
    return node->light;
}

static inline float light_odds(const SceneView& scene, const Receiver& at, uint32_t light) {
    const LightNode* node = scene.tree;
    uint32_t turns = scene.leaf_path[light];
    float p = 1.f;
    for (; node->child != kNone; turns >>= 1) {
        const LightNode* children = scene.tree + node->child;
        const float a = importance(children[0], at), b = importance(children[1], at);
        if (!(a + b > 0.f)) return 0.f;
        const float left = a / (a + b);
        p *= (turns & 1u) ? 1.f - left : left;
        node = children + (turns & 1u);
    }
    return p;
}

static inline Vec3 environment_direction(float u, float v, float* sine) {
    float s, c;
    turn(v * 0.5f, &s, &c);
    float sp, cp;
    turn(u < 0.5f ? u + 0.5f : u - 0.5f, &sp, &cp);
    *sine = s;
    return vec(s * sp, c, -s * cp);
}

static inline Uv environment_place(Vec3 d) {
    const float u = std::atan2(d.x, -d.z) * (0.5f * kInvPi) + 0.5f;
    const float v = std::acos(clamp(d.y, -1.f, 1.f)) * kInvPi;
    return {u, v};
}

static inline Vec3 environment_radiance(const Environment& map, float u, float v) {
    const float x = u * map.width - 0.5f, y = clamp(v * map.height - 0.5f, 0.f, map.height - 1.f);
    const float fx = __builtin_floorf(x), fy = __builtin_floorf(y);
    const int ix = static_cast<int>(fx), y0 = static_cast<int>(fy);
    const int y1 = y0 + 1 < map.height ? y0 + 1 : y0;
    const int x0 = wrapped(ix, map.width, kRepeat), x1 = wrapped(ix + 1, map.width, kRepeat);
    const auto texel = [&](int i, int j) {
        const float* p = map.radiance + 3 * (static_cast<size_t>(j) * map.width + i);
        return vec(p[0], p[1], p[2]);
    };
    return lerp(lerp(texel(x0, y0), texel(x1, y0), x - fx), lerp(texel(x0, y1), texel(x1, y1), x - fx), y - fy);
}

// The last i with values[i] <= u; values ascend from 0 to 1 over count + 1 entries.
static inline int interval(const float* values, int count, float u) {
    int first = 0, size = count;
    while (size > 1) {
        const int half = size / 2;
        if (values[first + half] <= u) {
            first += half;
            size -= half;
        } else {
            size = half;
        }
    }
    return first;
}

static inline float environment_density(const Environment& map, int column, int row, float sine) {
    const float* columns = map.columns + static_cast<size_t>(row) * (map.width + 1);
    const float p = (map.rows[row + 1] - map.rows[row]) * map.height * (columns[column + 1] - columns[column]) * map.width;
    return sine > 1e-6f ? p / (2.f * kPi * kPi * sine) : 0.f;
}

static inline float environment_pdf(const Environment& map, Vec3 direction) {
    const Uv at = environment_place(direction);
    const int column = static_cast<int>(clamp(at.u * map.width, 0.f, map.width - 1.f));
    const int row = static_cast<int>(clamp(at.v * map.height, 0.f, map.height - 1.f));
    return environment_density(map, column, row, root(1.f - direction.y * direction.y));
}

static inline LightSample sample_environment(const Environment& map, Pair uv) {
    const int row = interval(map.rows, map.height, uv.y);
    const float* columns = map.columns + static_cast<size_t>(row) * (map.width + 1);
    const int column = interval(columns, map.width, uv.x);
    const float dv = map.rows[row + 1] - map.rows[row], du = columns[column + 1] - columns[column];
    const float u = (column + (du > 0.f ? saturate((uv.x - columns[column]) / du) : 0.5f)) / map.width;
    const float v = (row + (dv > 0.f ? saturate((uv.y - map.rows[row]) / dv) : 0.5f)) / map.height;
    LightSample s{};
    float sine;
    s.direction = environment_direction(u, v, &sine);
    s.distance = kInfinity;
    s.radiance = environment_radiance(map, u, v);
    s.pdf = environment_density(map, column, row, sine);
    s.hittable = true;
    return s;
}

static inline float spot_falloff(const Light& light, Vec3 direction) {
    if (light.kind != kSpotLight) return 1.f;
    return square(saturate(-dot(direction, light.direction) * light.spot_scale + light.spot_offset));
}

static inline LightSample sample_triangle(const SceneView& scene, const Light& light, Vec3 from, Pair uv) {
    LightSample s{};
    const float su = __builtin_sqrtf(uv.x);
    const Weights w{1.f - su, su * (1.f - uv.y), su * uv.y};
    const Vec3 towards = light.position + light.edge_u * w.b + light.edge_v * w.c - from;
    const float distance2 = dot(towards, towards);
    if (!(distance2 > 0.f)) return s;
    s.distance = __builtin_sqrtf(distance2);
    s.direction = towards * (1.f / s.distance);
    float cosine = -dot(s.direction, light.direction);
    if (light.two_sided) cosine = magnitude(cosine);
    if (!(cosine > 1e-7f)) return s;
    s.radiance = light.intensity;
    if (light.textured) {
        const Triangle& triangle = scene.triangles[light.triangle];
        s.radiance = emission(scene, triangle, w, scene.materials[triangle.material], -s.direction);
    }
    s.pdf = distance2 / (light.area * cosine);
    s.hittable = true;
    return s;
}

static inline LightSample sample_place(const SceneView& scene, const Light& light, Vec3 from, Pair uv) {
    if (light.kind == kTriangleLight) return sample_triangle(scene, light, from, uv);
    LightSample s{};
    const Vec3 towards = light.position - from;
    const float distance2 = dot(towards, towards);
    if (!(distance2 > 0.f)) return s;
    s.distance = __builtin_sqrtf(distance2);
    s.direction = towards * (1.f / s.distance);
    s.radiance = light.intensity * (spot_falloff(light, s.direction) / distance2);
    s.pdf = 1.f;
    return s;
}

constexpr int kCandidates = 2;  // samples of lights weighed for every shadow ray

// Sky, suns and placed lights share [0, 1); where the candidate `c` of `kCandidates` lies that `choice` stands for. All are
// of one group: weighed without shadows, a bright sky would drown the lamps of a room that it doesn't reach.
static inline float candidate(const SceneView& scene, float choice, int c) {
    const float sky = scene.choose_environment, far = sky + scene.choose_distant;
    const float lower = choice < sky ? 0.f : choice < far ? sky : far;
    const float upper = choice < sky ? sky : choice < far ? far : 1.f;
    return lower + ((choice - lower) + (upper - lower) * static_cast<float>(c)) * (1.f / kCandidates);
}

// One sample of all light that arrives at a point, from one light chosen with `choice` in [0, 1).
static inline LightSample sample_light(const SceneView& scene, const Receiver& at, float choice, Pair uv) {
    float probability = scene.choose_environment;
    LightSample s{};
    if (choice < probability) {
        s = sample_environment(scene.environment, uv);
    } else if (choice < probability + scene.choose_distant) {
        const float u = (choice - probability) / scene.choose_distant * static_cast<float>(scene.distant_count);
        const size_t index = low(u, scene.distant_count - 1.f);
        const Light& light = scene.lights[scene.distant[index]];
        probability = scene.choose_distant / scene.distant_count;
        s.direction = -light.direction;
        s.distance = kInfinity;
        s.radiance = light.intensity;
        s.pdf = 1.f;
    } else if (scene.tree) {
        const float rest = 1.f - scene.choose_environment - scene.choose_distant;
        const float u = clamp((choice - scene.choose_environment - scene.choose_distant) / rest, 0.f, 0x1.fffffep-1f);
        float odds = 0.f;
        const uint32_t light = choose_light(scene, at, u, &odds);
        if (light == kNone) return s;
        probability = rest * odds;
        s = sample_place(scene, scene.lights[light], at.position, uv);
    }
    s.pdf *= probability;
    return s;
}

// The density with which `sample_light` would have found this point of a glowing triangle, per solid angle.
static inline float triangle_pdf(const SceneView& scene, const Receiver& at, uint32_t triangle, Vec3 direction,
                                 float distance) {
    const uint32_t index = scene.light_of_triangle ? scene.light_of_triangle[triangle] : kNone;
    if (index == kNone) return 0.f;
    const Light& light = scene.lights[index];
    const float cosine = magnitude(dot(direction, light.direction));
    if (!(cosine > 1e-7f)) return 0.f;
    const float rest = 1.f - scene.choose_environment - scene.choose_distant;
    return rest * light_odds(scene, at, index) * distance * distance / (light.area * cosine);
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
