// Prepares lights for sampling: glowing triangles, a tree over everything that has a place, the environment's weights.
#include <algorithm>
#include <cmath>
#include <map>

#include "trace_scene.h"

namespace nightproof {
namespace {

constexpr float kPi = 3.14159265358979f;

Vec3 minus(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
float length(Vec3 a) { return std::sqrt(dot(a, a)); }
float greatest(Vec3 a) { return std::max(a.x, std::max(a.y, a.z)); }
float& axis_of(Vec3& v, int axis) { return axis == 0 ? v.x : axis == 1 ? v.y : v.z; }

// The largest emission texel-wise over the triangle, roughly: the average of a coarse mip level over its corners,
// centroid and edges, with the whole texture's mean as a floor so that nothing that glows is left out.
// `black` remembers per texture whether it was found to hold no light at all: looking takes long.
float glow_of(const TraceScene::Parts& parts, const Triangle& triangle, const Material& material,
              std::map<int, bool>& black) {
    const float factor = greatest(material.emissive);
    const TextureUse& use = material.emissive_texture;
    if (use.texture < 0 || factor <= 0) return factor;
    const Texture& texture = parts.textures[use.texture];
    const auto brightness = [&](const TextureLevel& level, int x, int y) {
        const size_t at = size_t(4) * (size_t(y) * level.width + x);
        float best = 0;
        for (int c = 0; c < 3; ++c)
            best = std::max(best, level.floats ? level.floats[at + c]
                                               : (texture.srgb ? parts.srgb[level.bytes[at + c]] : level.bytes[at + c] / 255.f));
        return best;
    };
    const TextureLevel& last = texture.level[texture.levels - 1];
    const float mean = brightness(last, 0, 0);
    if (mean <= 0.f) {  // averaged away by 8 bits, or truly black
        const auto known = black.find(use.texture);
        bool dark = known == black.end() || known->second;
        if (known == black.end()) {
            for (int y = 0; dark && y < texture.level[0].height; ++y)
                for (int x = 0; dark && x < texture.level[0].width; ++x) dark = !(brightness(texture.level[0], x, y) > 0.f);
            black[use.texture] = dark;
        }
        return dark ? 0.f : factor * 0.002f;
    }
    const TextureLevel& level = texture.level[std::min(texture.levels - 1, 2)];
    constexpr int kSteps = 4;
    float sum = 0;
    int count = 0;
    for (int i = 0; i <= kSteps; ++i)
        for (int j = 0; i + j <= kSteps; ++j, ++count) {
            const float b = float(i) / kSteps, c = float(j) / kSteps, a = 1 - b - c;
            float uv[2];
            for (int k = 0; k < 2; ++k)
                uv[k] = a * parts.corners[triangle.corner[0]].uv[use.texcoord][k] +
                        b * parts.corners[triangle.corner[1]].uv[use.texcoord][k] +
                        c * parts.corners[triangle.corner[2]].uv[use.texcoord][k];
            const float u = use.transform[0] * uv[0] + use.transform[1] * uv[1] + use.transform[2];
            const float v = use.transform[3] * uv[0] + use.transform[4] * uv[1] + use.transform[5];
            const auto texel = [](float t, int n) {
                t -= std::floor(t);
                return std::min(n - 1, std::max(0, int(std::isfinite(t) ? t * n : 0)));
            };
            sum += brightness(level, texel(u, level.width), texel(v, level.height));
        }
    return factor * std::max(sum / count, 0.05f * mean);
}

void add_glowing_triangles(TraceScene::Parts& parts) {
    std::map<int, bool> black;
    for (uint32_t i = 0; i < parts.triangles.size(); ++i) {
        const Triangle& triangle = parts.triangles[i];
        const Material& material = parts.materials[triangle.material];
        if (material.kind == kUnlit || greatest(material.emissive) <= 0.f) continue;
        const Vec3 a = parts.corners[triangle.corner[0]].position;
        const Vec3 normal = cross(minus(parts.corners[triangle.corner[1]].position, a),
                                  minus(parts.corners[triangle.corner[2]].position, a));
        const float twice = length(normal);
        const float glow = glow_of(parts, triangle, material, black);
        if (!(twice > 0.f) || !std::isfinite(twice) || !(glow > 0.f)) continue;
        Light light{};
        light.kind = kTriangleLight;
        light.triangle = i;
        light.area = 0.5f * twice;
        light.direction = {normal.x / twice, normal.y / twice, normal.z / twice};
        light.position = a;
        light.edge_u = minus(parts.corners[triangle.corner[1]].position, a);
        light.edge_v = minus(parts.corners[triangle.corner[2]].position, a);
        light.intensity = material.emissive;
        light.two_sided = material.double_sided;
        light.textured = material.emissive_texture.texture >= 0 || (material.kind == kLayered && material.coat > 0.f);
        light.power = glow * light.area;
        if (!(light.area > 0.f)) continue;
        if (parts.light_of_triangle.empty()) parts.light_of_triangle.assign(parts.triangles.size(), kNone);
        parts.light_of_triangle[i] = static_cast<uint32_t>(parts.lights.size());
        parts.lights.push_back(light);
    }
}

// A node in the making: its box, and what `LightNode` keeps.
struct Bounds {
    Vec3 lower, upper;
    LightNode node;
};

Bounds leaf(const TraceScene::Parts& parts, uint32_t index) {
    const Light& light = parts.lights[index];
    Bounds bounds{light.position, light.position, {}};
    bounds.node.child = kNone;
    bounds.node.light = index;
    bounds.node.power = light.power;
    bounds.node.cos_spread = -1.f;
    if (light.kind == kTriangleLight) {
        const Triangle& triangle = parts.triangles[light.triangle];
        for (uint32_t corner : triangle.corner) {
            Vec3 p = parts.corners[corner].position;
            for (int axis = 0; axis < 3; ++axis) {
                axis_of(bounds.lower, axis) = std::min(axis_of(bounds.lower, axis), axis_of(p, axis));
                axis_of(bounds.upper, axis) = std::max(axis_of(bounds.upper, axis), axis_of(p, axis));
            }
        }
        bounds.node.axis = light.direction;
        bounds.node.cos_spread = 1.f;
        bounds.node.sided = light.two_sided ? 1.f : 0.f;
    }
    return bounds;
}

// The smallest sum of what two nodes promise: box, power, cone of normals.
Bounds join(Bounds first, Bounds second) {
    Bounds both{};
    LightNode &a = first.node, &b = second.node, &node = both.node;
    for (int axis = 0; axis < 3; ++axis) {
        axis_of(both.lower, axis) = std::min(axis_of(first.lower, axis), axis_of(second.lower, axis));
        axis_of(both.upper, axis) = std::max(axis_of(first.upper, axis), axis_of(second.upper, axis));
    }
    node.power = a.power + b.power;
    node.sided = std::max(a.sided, b.sided);
    node.cos_spread = -1.f;
    if (a.cos_spread <= -1.f || b.cos_spread <= -1.f) return both;
    if (node.sided > 0.f && dot(a.axis, b.axis) < 0.f) b.axis = {-b.axis.x, -b.axis.y, -b.axis.z};
    const Vec3 sum{a.axis.x + b.axis.x, a.axis.y + b.axis.y, a.axis.z + b.axis.z};
    const float size = length(sum);
    if (!(size > 1e-3f)) return both;
    node.axis = {sum.x / size, sum.y / size, sum.z / size};
    const auto reach = [&](const LightNode& part) {
        return std::acos(std::min(1.f, std::max(-1.f, dot(part.axis, node.axis)))) +
               std::acos(std::min(1.f, part.cos_spread)) + 1e-3f;
    };
    const float spread = std::max(reach(a), reach(b));
    node.cos_spread = spread >= kPi ? -1.f : std::cos(spread);
    return both;
}

// Writes what sampling reads of a finished node.
LightNode finished(const Bounds& bounds) {
    LightNode node = bounds.node;
    const Vec3 a = bounds.lower, b = bounds.upper;
    node.centre = {(a.x + b.x) * 0.5f, (a.y + b.y) * 0.5f, (a.z + b.z) * 0.5f};
    const Vec3 half = minus(b, node.centre);
    node.radius2 = dot(half, half);
    node.sin_spread = std::sqrt(std::max(0.f, 1.f - node.cos_spread * node.cos_spread));
    return node;
}

struct TreeMaker {
    TraceScene::Parts& parts;
    std::vector<Vec3> centres;  // of the boxes of all lights, doubled

    explicit TreeMaker(TraceScene::Parts& parts) : parts(parts), centres(parts.lights.size()) {
        for (uint32_t i = 0; i < centres.size(); ++i) {
            const Bounds bounds = leaf(parts, i);
            centres[i] = {bounds.lower.x + bounds.upper.x, bounds.lower.y + bounds.upper.y, bounds.lower.z + bounds.upper.z};
        }
    }

    // Fills `slot` and everything below it; returns its box.
    Bounds make(uint32_t slot, std::vector<uint32_t>::iterator first, std::vector<uint32_t>::iterator last, uint32_t turns,
                unsigned depth) {
        if (last - first == 1) {
            const Bounds bounds = leaf(parts, *first);
            parts.tree[slot] = finished(bounds);
            parts.leaf_path[*first] = turns;
            return bounds;
        }
        const auto middle = first + (last - first) / 2;
        const int axis = longest(first, last);
        std::nth_element(first, middle, last, [&](uint32_t a, uint32_t b) {
            const float x = axis_of(centres[a], axis), y = axis_of(centres[b], axis);
            return x != y ? x < y : a < b;
        });
        const uint32_t child = static_cast<uint32_t>(parts.tree.size());
        parts.tree.resize(child + 2);
        const Bounds left = make(child, first, middle, turns, depth + 1);
        const Bounds right = make(child + 1, middle, last, turns | (1u << depth), depth + 1);
        Bounds both = join(left, right);
        both.node.child = child;
        parts.tree[slot] = finished(both);
        return both;
    }

    int longest(std::vector<uint32_t>::iterator first, std::vector<uint32_t>::iterator last) {
        float best = -1.f;
        int longest = 0;
        for (int axis = 0; axis < 3; ++axis) {
            float least = HUGE_VALF, most = -HUGE_VALF;
            for (auto i = first; i != last; ++i) {
                least = std::min(least, axis_of(centres[*i], axis));
                most = std::max(most, axis_of(centres[*i], axis));
            }
            if (most - least > best) {
                best = most - least;
                longest = axis;
            }
        }
        return longest;
    }
};

void make_tree(TraceScene::Parts& parts) {
    std::vector<uint32_t> placed;
    for (uint32_t i = 0; i < parts.lights.size(); ++i)
        (parts.lights[i].kind == kDirectionalLight ? parts.distant : placed).push_back(i);
    parts.leaf_path.assign(parts.lights.size(), 0);
    if (placed.empty()) return;
    parts.tree.resize(1);
    TreeMaker(parts).make(0, placed.begin(), placed.end(), 0, 0);
}

}  // namespace

// What scattering samples well enough by itself, the part of the map below its mean, is left to it: directions are drawn
// in proportion to what is above (Karlík, Šik, Vévoda, Skřivan and Křivánek, MIS Compensation, 2019). An even sky needs no
// shadow rays at all.
void weigh_environment(TraceScene::Parts& parts) {
    Environment& map = parts.environment;
    if (!map.radiance) return;
    const int w = map.width, h = map.height;
    const auto brightness = [&](int x, int y) {
        const float* p = map.radiance + size_t(3) * (size_t(std::min(std::max(y, 0), h - 1)) * w + size_t((x + w) % w));
        const float value = std::max(p[0], std::max(p[1], p[2]));
        return std::isfinite(value) ? double(std::max(value, 0.f)) : 0.0;
    };
    std::vector<double> values(size_t(w) * h), sines(h);
    double whole = 0, sphere = 0;
    for (int y = 0; y < h; ++y) {
        sines[y] = std::sin(kPi * (y + 0.5) / h);
        for (int x = 0; x < w; ++x) {
            double value = 0;  // the mean over this texel of the bilinear function
            for (int j = -1; j <= 1; ++j)
                for (int i = -1; i <= 1; ++i) value += brightness(x + i, y + j) * (i ? 0.125 : 0.75) * (j ? 0.125 : 0.75);
            values[size_t(y) * w + x] = value;
            whole += value * sines[y];
        }
        sphere += sines[y] * w;
    }
    const double mean = whole / sphere;
    std::vector<double> row_sums(h, 0.0);
    parts.columns.assign(size_t(h) * (w + 1), 0.f);
    double total = 0;
    for (int y = 0; y < h; ++y) {
        std::vector<double> sums(w + 1, 0.0);
        for (int x = 0; x < w; ++x)
            sums[x + 1] = sums[x] + std::max(0.0, values[size_t(y) * w + x] - mean * (1 + 1e-6));
        row_sums[y] = sums[w] * sines[y];
        total += row_sums[y];
        float* columns = parts.columns.data() + size_t(y) * (w + 1);
        for (int x = 0; x <= w; ++x) columns[x] = sums[w] > 0 ? float(sums[x] / sums[w]) : float(x) / w;
        columns[w] = 1.f;
    }
    parts.rows.assign(h + 1, 0.f);
    double sum = 0;
    for (int y = 0; y < h; ++y) {
        sum += row_sums[y];
        parts.rows[y + 1] = total > 0 ? float(sum / total) : float(y + 1) / h;
    }
    parts.rows[h] = 1.f;
    map.rows = parts.rows.data();
    map.columns = parts.columns.data();
    map.uneven = whole > 0 ? float(total / whole) : 0.f;
}

void arrange_lights(TraceScene::Parts& parts, SceneView& view) {
    if (parts.emitters) add_glowing_triangles(parts);
    make_tree(parts);
    view.lights = parts.lights.data();
    view.light_count = parts.lights.size();
    view.light_of_triangle = parts.light_of_triangle.empty() ? nullptr : parts.light_of_triangle.data();
    view.tree = parts.tree.empty() ? nullptr : parts.tree.data();
    view.leaf_path = parts.leaf_path.data();
    view.distant = parts.distant.data();
    view.distant_count = parts.distant.size();
    const float uneven = parts.environment.radiance ? parts.environment.uneven : 0.f;
    const float environment = uneven > 0.f ? 1.f : 0.f;
    const float distant = parts.distant.empty() ? 0.f : 1.f;
    const float placed = parts.tree.empty() ? 0.f : 1.f;
    const float groups = std::max(1.f, environment + distant + placed);
    view.choose_environment = std::min(1.f, 2.f * uneven) / groups;
    view.choose_distant = distant / groups;
}

}  // namespace nightproof
