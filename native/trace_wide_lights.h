// Sampling of lights (trace_lights.h), eight receivers at a time.
#pragma once
#include "trace_lights.h"
#include "trace_wide_sampler.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

struct Receivers {
    Vecs position, normal;  // normals are unit
};

struct LightSamples {
    Vecs direction, radiance;
    Floats distance, pdf;
    Ints hittable;
};

NIGHTPROOF_INLINE Floats cos_beyond(Floats sin_a, Floats cos_a, Floats sin_b, Floats cos_b) {
    return pick(cos_a > cos_b, all(1.f), cos_a * cos_b + sin_a * sin_b);
}
NIGHTPROOF_INLINE Floats sin_beyond(Floats sin_a, Floats cos_a, Floats sin_b, Floats cos_b) {
    return pick(cos_a > cos_b, all(0.f), sin_a * cos_b - cos_a * sin_b);
}

NIGHTPROOF_INLINE Floats importance(const LightNode* const* node, const Receivers& at) {
    Floats column[12];
    columns<8>(node, 0, column);
    columns<4>(node, 8, column + 8);
    const Vecs centre{column[0], column[1], column[2]}, axis{column[4], column[5], column[6]};
    const Floats radius2 = column[3], power = column[7], cos_spread = column[8], sin_spread = column[9];
    const Ints two_sided = column[10] > 0.f;

    const Vecs towards = centre - at.position;
    const Floats distance2 = high(dot(towards, towards), 1e-20f);
    const Vecs direction = towards * (1.f / bare_root(distance2));
    const Floats sin2_box = radius2 / distance2;
    const Ints within = sin2_box >= 1.f;
    const Floats cos_box = pick(within, all(-1.f), root(1.f - sin2_box));
    const Floats sin_box = pick(within, all(0.f), bare_root(sin2_box));
    const Floats one = all(1.f);

    Floats cosine = -dot(axis, direction);
    cosine = pick(two_sided, magnitude(cosine), cosine);
    const Floats sine = root(1.f - cosine * cosine);
    const Floats c = cos_beyond(sine, cosine, sin_spread, cos_spread), s = sin_beyond(sine, cosine, sin_spread, cos_spread);
    const Floats sent = pick(within | (cos_spread <= -1.f), one, high(cos_beyond(s, c, sin_box, cos_box), 0.f));

    const Floats facing = clamp(dot(at.normal, direction), -1.f, 1.f);
    const Floats received =
        pick(within, one, high(cos_beyond(root(1.f - facing * facing), facing, sin_box, cos_box), 0.f));
    return power / high(distance2, radius2) * sent * received;
}

struct Choices {
    uint32_t light[kWide];  // kNone: nothing can arrive
    Floats odds;
};

// Walks the lanes of `wanted` down the tree.
NIGHTPROOF_INLINE void choose_lights(const SceneView& scene, const Receivers& at, Floats u, uint32_t wanted, Choices* chosen) {
    const LightNode* node[kWide];
    const LightNode *left[kWide], *right[kWide];
    for (int i = 0; i < kWide; ++i) {
        node[i] = scene.tree;
        chosen->light[i] = kNone;
    }
    Floats p = all(1.f);
    uint32_t walking = wanted;
    for (;;) {
        for (uint32_t b = walking; b; b &= b - 1)
            if (node[first_of(b)]->child == kNone) walking &= ~(1u << first_of(b));
        if (!walking) break;
        for (int i = 0; i < kWide; ++i) {
            left[i] = walking >> i & 1 ? scene.tree + node[i]->child : scene.tree;
            right[i] = walking >> i & 1 ? left[i] + 1 : scene.tree;
        }
        const Floats a = importance(left, at), b = importance(right, at), sum = a + b;
        const Ints some = sum > 0.f;
        const Floats share = a / sum, rest = 1.f - share;
        const Ints go_left = u < share;
        const Ints moving = mask_of(walking);
        p = pick(moving, p * pick(go_left, share, rest), p);
        u = pick(moving, low(pick(go_left, u / share, (u - share) / rest), 0x1.fffffep-1f), u);
        const uint32_t turn_left = bits(go_left), dead = walking & ~bits(some);
        for (uint32_t w = walking; w; w &= w - 1) {
            const int i = first_of(w);
            node[i] = turn_left >> i & 1 ? left[i] : right[i];
        }
        walking &= ~dead;
        wanted &= ~dead;
    }
    for (uint32_t w = wanted; w; w &= w - 1) chosen->light[first_of(w)] = node[first_of(w)]->light;
    chosen->odds = p;
}

struct Spots {
    Floats u, v;  // on the environment map
};

NIGHTPROOF_INLINE Spots environment_place(const Vecs& d) {
    return {turns_of(d.x, -d.z) + 0.5f, 2.f * turns_of(bare_root(d.x * d.x + d.z * d.z), d.y)};
}

NIGHTPROOF_INLINE Vecs environment_radiance(const Environment& map, const Spots& at) {
    const float w = static_cast<float>(map.width), h = static_cast<float>(map.height);
    const Floats x = at.u * w - 0.5f, y = clamp(at.v * h - 0.5f, 0.f, h - 1.f);
    const Ints ix = truncated(x + 1.f) - 1, y0 = truncated(y);  // x ≥ −½
    const Floats fx = x - converted(ix), fy = y - converted(y0);
    const Ints last = all(map.width - 1);
    const Ints x0 = pick(ix < 0, last, pick(ix > last, all(0), ix)), x1 = pick(ix >= last, all(0), ix + 1);
    const Ints y1 = pick(y0 < map.height - 1, y0 + 1, y0);
    const Ints row0 = y0 * map.width, row1 = y1 * map.width;
    const auto texels = [&](Ints index) {
        alignas(32) int32_t i[kWide];
        store(i, index * 3);
        const float* p = map.radiance;
        return Vecs{floats([&](int k) { return p[i[k]]; }), floats([&](int k) { return p[i[k] + 1]; }),
                    floats([&](int k) { return p[i[k] + 2]; })};
    };
    const Vecs a = texels(row0 + x0), b = texels(row0 + x1), c = texels(row1 + x0), d = texels(row1 + x1);
    const Vecs top = a + (b - a) * fx, bottom = c + (d - c) * fx;
    return top + (bottom - top) * fy;
}

NIGHTPROOF_INLINE Floats read(const float* from, Ints index) {
    alignas(32) int32_t i[kWide];
    store(i, index);
    return floats([&](int k) { return from[i[k]]; });
}

NIGHTPROOF_INLINE Floats environment_density(const Environment& map, Ints column, Ints row, Floats sine) {
    const Ints at = row * (map.width + 1) + column;
    const Floats p = (read(map.rows, row + 1) - read(map.rows, row)) * static_cast<float>(map.height) *
                     (read(map.columns, at + 1) - read(map.columns, at)) * static_cast<float>(map.width);
    return pick(sine > 1e-6f, p / (2.f * kPi * kPi * sine), all(0.f));
}

NIGHTPROOF_INLINE Floats environment_pdf(const Environment& map, const Spots& at, const Vecs& direction) {
    const float w = static_cast<float>(map.width), h = static_cast<float>(map.height);
    const Ints column = truncated(clamp(at.u * w, 0.f, w - 1.f)), row = truncated(clamp(at.v * h, 0.f, h - 1.f));
    return environment_density(map, column, row, root(1.f - direction.y * direction.y));
}

// As `interval`: per lane the last i with values[first + i] <= u.
NIGHTPROOF_INLINE Ints intervals(const float* values, Ints first, int count, Floats u) {
    Ints start = first;
    for (int size = count; size > 1;) {  // both halves as large as the larger one: every lane takes the same steps
        const int half = size / 2;
        start = pick(read(values, start + half) <= u, start + half, start);
        size -= half;
    }
    return start - first;
}

NIGHTPROOF_INLINE LightSamples sample_environment(const Environment& map, const Pairs& uv) {
    const Ints row = intervals(map.rows, all(0), map.height, uv.y);
    const Ints columns = row * (map.width + 1);
    const Ints column = intervals(map.columns, columns, map.width, uv.x);
    const Floats v0 = read(map.rows, row), dv = read(map.rows, row + 1) - v0;
    const Floats u0 = read(map.columns, columns + column), du = read(map.columns, columns + column + 1) - u0;
    const Floats half = all(0.5f);
    const Spots at{(converted(column) + pick(du > 0.f, saturate((uv.x - u0) / du), half)) / static_cast<float>(map.width),
                   (converted(row) + pick(dv > 0.f, saturate((uv.y - v0) / dv), half)) / static_cast<float>(map.height)};
    Floats s, c, sp, cp;
    turn(at.v * 0.5f, &s, &c);
    turn(pick(at.u < 0.5f, at.u + 0.5f, at.u - 0.5f), &sp, &cp);
    LightSamples sample;
    sample.direction = {s * sp, c, -s * cp};
    sample.distance = all(kInfinity);
    sample.radiance = environment_radiance(map, at);
    const Floats p = dv * static_cast<float>(map.height) * du * static_cast<float>(map.width);
    sample.pdf = pick(s > 1e-6f, p / (2.f * kPi * kPi * s), all(0.f));
    sample.hittable = all(-1);
    return sample;
}

// Samples of lights that have a place, one chosen per lane; lanes with kNone get density 0.
NIGHTPROOF_INLINE LightSamples sample_places(const SceneView& scene, const uint32_t* chosen, const Vecs& from, const Pairs& uv) {
    static const Light kNothing{};
    const Light* light[kWide];
    bool only_triangles = true;
    uint32_t textured = 0, two_sided = 0;
    for (int i = 0; i < kWide; ++i) {
        light[i] = chosen[i] == kNone ? &kNothing : scene.lights + chosen[i];
        only_triangles = only_triangles && light[i]->kind == kTriangleLight;
        textured |= static_cast<uint32_t>(light[i]->textured) << i;
        two_sided |= static_cast<uint32_t>(light[i]->two_sided) << i;
    }
    Floats column[20];
    columns<8>(light, 0, column);
    columns<8>(light, 8, column + 8);
    columns<4>(light, 16, column + 16);
    const auto vecs = [&](int first) { return Vecs{column[first], column[first + 1], column[first + 2]}; };
    const Floats area = column[3], scale = column[11], offset = column[15];
    const Floats su = bare_root(uv.x), wb = su * (1.f - uv.y), wc = su * uv.y;
    const Vecs towards = vecs(0) + vecs(4) * wb + vecs(8) * wc - from;
    const Floats distance2 = dot(towards, towards);
    LightSamples s;
    s.distance = bare_root(distance2);
    s.direction = towards * (1.f / s.distance);
    s.radiance = vecs(16);
    for (uint32_t b = textured; b; b &= b - 1) {
        const int i = first_of(b);
        const Triangle& triangle = scene.triangles[light[i]->triangle];
        put(s.radiance, i, emission(scene, triangle, {1.f - su[i], wb[i], wc[i]}, scene.materials[triangle.material],
                                    -lane(s.direction, i)));
    }
    const Floats along = -dot(s.direction, vecs(12));
    const Floats cosine = pick(mask_of(two_sided), magnitude(along), along);
    const Floats none = all(0.f);
    s.pdf = pick((distance2 > 0.f) & (cosine > 1e-7f) & (area > 0.f), distance2 / (area * cosine), none);
    s.hittable = all(-1);
    if (only_triangles) return s;
    const Ints kind = (Ints)column[7];
    s.hittable = kind == static_cast<int32_t>(kTriangleLight);
    const Ints spot = kind == static_cast<int32_t>(kSpotLight);
    const Floats falloff = pick(spot, square(saturate(along * scale + offset)), all(1.f)) / distance2;
    s.pdf = pick(s.hittable, s.pdf, pick(distance2 > 0.f, all(1.f), none));
    s.radiance = pick(s.hittable, s.radiance, s.radiance * falloff);
    return s;
}

NIGHTPROOF_INLINE LightSamples sample_distant(const SceneView& scene, Floats choice) {
    const Floats u = choice * static_cast<float>(scene.distant_count);
    const Light* light[kWide];
    for (int i = 0; i < kWide; ++i)
        light[i] = scene.lights + scene.distant[static_cast<size_t>(low(high(u[i], 0.f), scene.distant_count - 1.f))];
    const auto vecs = [&](Vec3 Light::*field) {
        return Vecs{floats([&](int i) { return (light[i]->*field).x; }), floats([&](int i) { return (light[i]->*field).y; }),
                    floats([&](int i) { return (light[i]->*field).z; })};
    };
    LightSamples s;
    s.direction = -vecs(&Light::direction);
    s.radiance = vecs(&Light::intensity);
    s.distance = all(kInfinity);
    s.pdf = all(1.f / static_cast<float>(scene.distant_count));
    s.hittable = all(0);
    return s;
}

NIGHTPROOF_INLINE void mix_in(LightSamples& into, Ints mask, const LightSamples& from, Floats pdf) {
    into.direction = pick(mask, from.direction, into.direction);
    into.radiance = pick(mask, from.radiance, into.radiance);
    into.distance = pick(mask, from.distance, into.distance);
    into.pdf = pick(mask, pdf, into.pdf);
    into.hittable = pick(mask, from.hittable, into.hittable);
}

// As `candidate`, for all lanes.
NIGHTPROOF_INLINE Floats candidates(const SceneView& scene, Floats choice, int c) {
    const float sky = scene.choose_environment, far = sky + scene.choose_distant;
    const Floats lower = pick(choice < sky, all(0.f), pick(choice < far, all(sky), all(far)));
    const Floats upper = pick(choice < sky, all(sky), pick(choice < far, all(far), all(1.f)));
    return lower + ((choice - lower) + (upper - lower) * static_cast<float>(c)) * (1.f / kCandidates);
}

// As `sample_light`, for the lanes of `wanted`.
NIGHTPROOF_INLINE LightSamples sample_lights(const SceneView& scene, const Receivers& at, Floats choice, const Pairs& uv,
                                             uint32_t wanted) {
    const Floats none = all(0.f);
    LightSamples s{{none, none, all(1.f)}, greys(none), all(1.f), none, all(0)};
    const float environment = scene.choose_environment, distant = scene.choose_distant;
    const Ints sky = choice < environment, far = ~sky & (choice < environment + distant);
    if (bits(sky) & wanted) {
        const LightSamples from = sample_environment(scene.environment, uv);
        mix_in(s, sky, from, from.pdf * environment);
    }
    if (bits(far) & wanted) {
        const LightSamples from = sample_distant(scene, (choice - environment) / distant);
        mix_in(s, far, from, from.pdf * distant);
    }
    const Ints near = ~(sky | far);
    if (scene.tree && (bits(near) & wanted)) {
        const float rest = 1.f - environment - distant;
        const Floats u = clamp((choice - environment - distant) / rest, 0.f, 0x1.fffffep-1f);
        Choices chosen;
        choose_lights(scene, at, u, bits(near) & wanted, &chosen);
        const LightSamples from = sample_places(scene, chosen.light, at.position, uv);
        mix_in(s, near, from, from.pdf * (chosen.odds * rest));
    }
    return s;
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
