#include "bake_light.h"

#include <algorithm>
#include <cmath>

#include "bake_sampler.h"
#include "bake_texels.h"

namespace nightproof {
namespace {

enum Pairs : std::uint32_t {
    kPlaceForViewer = 1,
    kChoice = 2,
    kPlace = 3,
    kDirection = 4,
    kProbe = 5,
    kOtherDirection = 6
};
constexpr int kProbes = 8;  // rays that find out whether an unseen texel lies within solid

Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
float length(Vec3 a) { return std::sqrt(dot(a, a)); }
Vec3 unit(Vec3 a) {
    const float size = length(a);
    return size > 0 ? a * (1 / size) : Vec3{0, 0, 1};
}
float luminance(Vec3 a) { return 0.2126f * a.x + 0.7152f * a.y + 0.0722f * a.z; }

struct Place {
    std::uint32_t triangle;  // of the scene
    std::uint32_t local;     // of the page
    float u, v;
    Vec3 position, normal;   // on the baked side
};

struct Texel {
    std::uint32_t number, seed, x, y;
    const std::uint32_t *first, *last;  // triangles of the page
};

// The point of the surface under (x, y) of the page; beyond its border, the nearest one.
Place place_in(const SceneView& scene, const BakePage& page, const Texel& texel, BakePair at) {
    double best = -1, best_u = 0, best_v = 0;
    std::uint32_t chosen = 0;
    for (const std::uint32_t* t = texel.first; t != texel.last; ++t) {
        const std::uint32_t* corner = page.corners + 3 * *t;
        const auto point = [&](int k) {
            return Point2{page.uv[2 * corner[k]], page.uv[2 * corner[k] + 1]};
        };
        double u = 0, v = 0;
        const double distance = nearest_in_triangle({texel.x + at.x, texel.y + at.y}, point(0), point(1), point(2), u, v);
        if (best < 0 || distance < best) {
            best = distance;
            best_u = u;
            best_v = v;
            chosen = *t;
        }
        if (distance == 0) break;
    }
    // Not quite on an edge: a ray that starts there may slip between two triangles.
    const double inward = 1e-4, third = 1.0 / 3;
    Place place;
    place.triangle = page.triangle[chosen];
    place.local = chosen;
    place.u = static_cast<float>(best_u + (third - best_u) * inward);
    place.v = static_cast<float>(best_v + (third - best_v) * inward);
    const Triangle& triangle = scene.triangles[place.triangle];
    const Vec3 a = scene.corners[triangle.corner[0]].position, b = scene.corners[triangle.corner[1]].position,
               c = scene.corners[triangle.corner[2]].position;
    place.position = a * (1 - place.u - place.v) + b * place.u + c * place.v;
    place.normal = unit(cross(b - a, c - a)) * (page.back[chosen] ? -1.f : 1.f);
    return place;
}

float step_off(const SceneView& scene, Vec3 p) {
    return scene.epsilon + 4e-6f * std::max({std::abs(p.x), std::abs(p.y), std::abs(p.z)});
}

RtcRay ray(Vec3 origin, Vec3 direction, float limit) {
    return {origin.x, origin.y, origin.z, 0.f, direction.x, direction.y, direction.z, 0.f, limit, 0xffffffffu, 0, 0};
}

bool reaches(const SceneView& scene, Vec3 origin, Vec3 direction, float limit) {
    RtcRay query = ray(origin, direction, limit);
    scene.calls->occluded1(scene.accelerator, &query, nullptr);
    return !(query.tfar < 0.f);
}

// A place of a texel together with the direction in which a viewer sees it.
struct Sight {
    Place place;
    Vec3 outgoing, eye;
    float until;  // cumulative weight
};

void find_sights(const SceneView& scene, const BakePage& page, const Texel& texel, const std::vector<BakeCamera>& cameras,
                 float near_m, std::vector<Sight>& sights) {
    sights.clear();
    float total = 0;
    for (std::uint32_t k = 0; k < cameras.size(); ++k) {
        const BakeCamera& camera = cameras[k];
        const Place place = place_in(scene, page, texel, bake_pair(texel.seed, k, kPlaceForViewer));
        const Vec3 towards = camera.position - place.position;
        const float facing = dot(towards, place.normal), depth = dot(towards, camera.backward);
        if (!(facing > 0) || !(depth > 0)) continue;
        if (std::abs(dot(towards, camera.right)) > depth * camera.half_width) continue;
        if (std::abs(dot(towards, camera.up)) > depth * camera.half_height) continue;
        const float distance = length(towards);
        const Vec3 outgoing = towards * (1 / distance);
        const float step = step_off(scene, place.position);
        if (!reaches(scene, place.position + place.normal * step, outgoing, distance - 2 * step)) continue;
        // The texel's share of that viewer's picture; near viewers don't outshout all others.
        total += facing / distance / (distance * distance + near_m * near_m) /
                 (camera.half_width * camera.half_height);
        sights.push_back({place, outgoing, camera.position, total});
    }
}

Vec3 around(Vec3 normal, BakePair at) {  // cosine-weighted
    const double radius = std::sqrt(at.y), angle = 6.283185307179586 * at.x;
    const Vec3 helper = std::abs(normal.x) > 0.7f ? Vec3{0, 1, 0} : Vec3{1, 0, 0};
    const Vec3 s = unit(cross(helper, normal)), t = cross(normal, s);
    return unit(s * static_cast<float>(radius * std::cos(angle)) + t * static_cast<float>(radius * std::sin(angle)) +
                normal * static_cast<float>(std::sqrt(std::max(1 - at.y, 1e-4))));
}

// Whether most of what a texel sees are the backs of single-sided surfaces: then it lies within something solid.
bool buried(const SceneView& scene, const BakePage& page, const Texel& texel) {
    int backs = 0;
    for (std::uint32_t i = 0; i < kProbes; ++i) {
        const Place place = place_in(scene, page, texel, bake_pair(texel.seed, i, kPlace));
        const Vec3 direction = around(place.normal, bake_pair(texel.seed, i, kProbe));
        RtcRayHit query;
        query.ray = ray(place.position + place.normal * step_off(scene, place.position), direction, HUGE_VALF);
        query.hit.geom_id = query.hit.inst_id = kRtcInvalid;
        scene.calls->intersect1(scene.accelerator, &query, nullptr);
        if (query.hit.geom_id == kRtcInvalid) continue;
        const std::uint32_t* order = scene.order[query.hit.geom_id];
        const Triangle& triangle = scene.triangles[order ? order[query.hit.prim_id] : query.hit.prim_id];
        const Material& material = scene.materials[triangle.material];
        if (material.double_sided || material.kind == kVolume) continue;
        const Vec3 a = scene.corners[triangle.corner[0]].position;
        const Vec3 normal = cross(scene.corners[triangle.corner[1]].position - a, scene.corners[triangle.corner[2]].position - a);
        backs += dot(normal, direction) > 0;
    }
    return 2 * backs > kProbes;
}

bool gather(void* user, std::uint32_t triangle, float u, float v, bool front, Vec3, float distance, Vec3* radiance) {
    const GatherMap& map = *static_cast<const GatherMap*>(user);
    const std::size_t side = 2 * std::size_t(triangle) + (front ? 0 : 1);
    const std::int32_t page = map.page[side];
    // A surface this near sees finer light than the map holds: the path goes on.
    if (page < 0 || distance < map.near_m[side]) return false;
    const float* uv = map.uv + 6 * side;
    const float x = uv[0] * (1 - u - v) + uv[2] * u + uv[4] * v, y = uv[1] * (1 - u - v) + uv[3] * u + uv[5] * v;
    const int column = std::clamp(static_cast<int>(x), 0, map.width[page] - 1);
    const int row = std::clamp(static_cast<int>(y), 0, map.height[page] - 1);
    const std::size_t texel = std::size_t(row) * map.width[page] + column;
    if (!map.valid[page][texel]) return false;
    const float* light = map.radiance[page] + 3 * texel;
    *radiance = {light[0], light[1], light[2]};
    return true;
}

struct Sums {
    double radiance[3] = {0, 0, 0}, albedo[3] = {0, 0, 0}, luminance = 0, squares = 0;
    double moments[kMoments] = {};
    int count = 0;
};

void add(Sums& sums, Vec3 radiance, Vec3 albedo) {
    const double light[3] = {radiance.x, radiance.y, radiance.z}, colour[3] = {albedo.x, albedo.y, albedo.z};
    for (int k = 0; k < 3; ++k) {
        sums.radiance[k] += light[k];
        sums.albedo[k] += colour[k];
    }
    const double bright = luminance(radiance);
    sums.luminance += bright;
    sums.squares += bright * bright;
    ++sums.count;
}

Vec3 dimmed(Vec3 light, float most) {
    const float level = luminance(light);
    return level > most ? light * (most / level) : light;
}

void add_pair(Sums& sums, Vec3 first, Vec3 second, Vec3 towards_first, Vec3 towards_second, float most) {
    first = dimmed(first, most);
    second = dimmed(second, most);
    const Vec3 sum = (first + second) * 0.5f, w = (towards_first + towards_second) * 0.5f;
    const Vec3 dl = first - second, dw = towards_first - towards_second;
    const double light[3] = {sum.x, sum.y, sum.z}, mean[3] = {w.x, w.y, w.z};
    const double change[3] = {dl.x, dl.y, dl.z}, turn[3] = {dw.x, dw.y, dw.z};
    double* m = sums.moments;
    *m++ += 1;
    for (int i = 0; i < 3; ++i) *m++ += mean[i];
    for (int i = 0; i < 3; ++i)
        for (int j = i; j < 3; ++j) *m++ += 0.5 * turn[i] * turn[j];
    for (int k = 0; k < 3; ++k) *m++ += light[k];
    for (int i = 0; i < 3; ++i)
        for (int k = 0; k < 3; ++k) *m++ += 0.5 * turn[i] * change[k];
    *m++ += 0.5 * double(luminance(dl)) * luminance(dl);
}

double standard_error(const Sums& sums) {
    if (sums.count < 2) return HUGE_VAL;
    const double mean = sums.luminance / sums.count;
    return std::sqrt(std::max(sums.squares / sums.count - mean * mean, 0.0) / (sums.count - 1));
}

struct Work {
    Texel texel;
    std::vector<Sight> sights;
    Sums sums;
    bool done = false, valid = true;
};

double share_of_unseen(const Work& work, float unseen) {
    const double viewers = double(work.sights.size());
    return viewers > 0 ? unseen / (unseen + viewers) : 1.0;
}

const Sight& sight_at(const Work& work, double choice, double share) {
    const float wanted = static_cast<float>((choice - share) / (1 - share)) * work.sights.back().until;
    return *std::lower_bound(work.sights.begin(), work.sights.end() - 1, wanted,
                             [](const Sight& s, float w) { return s.until < w; });
}

// `any_direction`: nobody asks from where a Lambertian surface is seen, so its choice is spared.
PathStart start_of(const SceneView& scene, const BakePage& page, const Work& work, std::uint32_t index, float unseen,
                   bool any_direction) {
    const Texel& texel = work.texel;
    const double viewers = double(work.sights.size()), share = share_of_unseen(work, unseen);
    const double choice = share < 1 ? bake_pair(texel.seed, index, kChoice).x : 0.0;
    PathStart start{};
    start.seed = texel.seed;
    start.index = index;
    if (choice < share || work.sights.empty()) {
        // Where viewers see parts of a texel, only those parts count: the rest may lie within a wall.
        const BakePair at = bake_pair(texel.seed, index, kPlace);
        const std::size_t pick = std::min(static_cast<std::size_t>(at.x * viewers), work.sights.size() - 1);
        const Place place = work.sights.empty() ? place_in(scene, page, texel, at) : work.sights[pick].place;
        const bool even = any_direction && scene.materials[scene.triangles[place.triangle].material].kind == kLambert;
        start.direction = (even ? place.normal : around(place.normal, bake_pair(texel.seed, index, kDirection))) * -1.f;
        start.triangle = place.triangle;
        start.u = place.u;
        start.v = place.v;
    } else {
        const Sight& sight = sight_at(work, choice, share);
        start.direction = sight.outgoing * -1.f;
        start.triangle = sight.place.triangle;
        start.u = sight.place.u;
        start.v = sight.place.v;
    }
    return start;
}

// The other path of a pair: from the same place, with the same random numbers, towards another viewer.
PathStart partner_of(const SceneView& scene, const BakePage& page, const Work& work, const PathStart& start, float unseen) {
    const Triangle& triangle = scene.triangles[start.triangle];
    const Vec3 a = scene.corners[triangle.corner[0]].position, b = scene.corners[triangle.corner[1]].position,
               c = scene.corners[triangle.corner[2]].position;
    bool back = false;
    for (const std::uint32_t* t = work.texel.first; t != work.texel.last; ++t)
        if (page.triangle[*t] == start.triangle) back = page.back[*t];
    const Vec3 normal = unit(cross(b - a, c - a)) * (back ? -1.f : 1.f);
    const double share = share_of_unseen(work, unseen), choice = bake_pair(work.texel.seed, start.index, kChoice).y;
    Vec3 outgoing;
    if (choice < share || work.sights.empty()) {
        outgoing = around(normal, bake_pair(work.texel.seed, start.index, kOtherDirection));
    } else {
        const Vec3 position = a * (1 - start.u - start.v) + b * start.u + c * start.v;
        outgoing = unit(sight_at(work, choice, share).eye - position);
    }
    PathStart other = start;
    if (dot(outgoing, normal) > 1e-3f) other.direction = outgoing * -1.f;
    return other;
}

// All pairs of a block in one go; means of light and albedo come from the first paths.
void bake_pairs(const SceneView& scene, const BakePage& page, const PathSettings& paths, const BakeSettings& settings,
                std::vector<Work>& works) {
    std::vector<PathStart> starts;
    std::vector<Work*> owners;
    for (Work& work : works) {
        if (work.done) continue;
        for (int s = 0; s < settings.least_samples; ++s) {
            starts.push_back(start_of(scene, page, work, static_cast<std::uint32_t>(s), settings.unseen, false));
            starts.push_back(partner_of(scene, page, work, starts.back(), settings.unseen));
            owners.push_back(&work);
        }
    }
    std::vector<PathResult> results(starts.size());
    trace_paths(scene, paths, starts.data(), starts.size(), results.data());
    const std::size_t pairs = static_cast<std::size_t>(settings.least_samples);
    std::vector<float> levels(2 * pairs);
    float most = 0;
    for (std::size_t i = 0; i < owners.size(); ++i) {
        if (i % pairs == 0) {
            for (std::size_t k = 0; k < 2 * pairs; ++k) levels[k] = luminance(results[2 * i + k].radiance);
            std::nth_element(levels.begin(), levels.begin() + pairs, levels.end());
            most = kBrightest * levels[pairs] + settings.floor;
        }
        const PathResult &first = results[2 * i], &second = results[2 * i + 1];
        add(owners[i]->sums, first.radiance, first.albedo);
        add_pair(owners[i]->sums, first.radiance, second.radiance, starts[2 * i].direction * -1.f,
                 starts[2 * i + 1].direction * -1.f, most);
    }
}

void subtract_emission(const SceneView& scene, const std::vector<PathStart>& starts, std::vector<PathResult>& results) {
    std::vector<SurfaceQuery> queries;
    std::vector<std::size_t> glowing;
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const Vec3 glow = scene.materials[scene.triangles[starts[i].triangle].material].emissive;
        if (!(glow.x > 0 || glow.y > 0 || glow.z > 0)) continue;
        glowing.push_back(i);
        queries.push_back({starts[i].triangle, starts[i].u, starts[i].v, starts[i].direction});
    }
    std::vector<SurfaceAnswer> answers(queries.size());
    surface_points(scene, queries.data(), queries.size(), answers.data());
    for (std::size_t k = 0; k < glowing.size(); ++k)
        results[glowing[k]].radiance = results[glowing[k]].radiance - answers[k].emission;
}

void write(const Work& work, std::size_t index, const BakeResult& result) {
    const Sums& sums = work.sums;
    const double scale = sums.count ? 1.0 / sums.count : 0.0;
    for (int k = 0; k < 3; ++k) {
        result.radiance[3 * index + k] = static_cast<float>(std::max(sums.radiance[k] * scale, 0.0));
        result.albedo[3 * index + k] = static_cast<float>(sums.albedo[k] * scale);
    }
    result.error[index] = sums.count ? static_cast<float>(standard_error(sums)) : 0.f;
    result.seen[index] = static_cast<std::uint16_t>(std::min<std::size_t>(work.sights.size(), 65535));
    result.valid[index] = work.valid;
    result.samples[index] = static_cast<std::uint16_t>(std::min(sums.count, 65535));
    if (result.moments)
        for (int m = 0; m < kMoments; ++m) result.moments[kMoments * index + m] = static_cast<float>(sums.moments[m]);
}

}  // namespace

void bake_block(const SceneView& scene, const BakePage& page, const BakeTexels& texels, std::size_t first,
                std::size_t last, const std::vector<BakeCamera>& cameras, const GatherMap* map,
                const BakeSettings& settings, const BakeResult& result) {
    std::vector<Work> works(last - first);
    for (std::size_t i = first; i < last; ++i) {
        Work& work = works[i - first];
        const std::uint32_t number = texels.texel[i];
        work.texel = {number, bake_hash(bake_hash(settings.seed, page.number), number), number % page.width,
                      number / page.width, texels.triangle + texels.start[i], texels.triangle + texels.start[i + 1]};
        find_sights(scene, page, work.texel, cameras, settings.near_m, work.sights);
        work.valid = !work.sights.empty() || !buried(scene, page, work.texel);
        work.done = !work.valid;
    }
    PathSettings paths{};
    paths.max_depth = settings.max_depth;
    paths.first_roulette = settings.first_roulette;
    paths.gather = map ? &gather : nullptr;
    paths.gather_user = const_cast<GatherMap*>(map);
    paths.sobol_bounces = 4;
    paths.white_start = settings.irradiance;
    std::vector<PathStart> starts;
    std::vector<PathResult> results;
    std::vector<Work*> owners;
    const int round = settings.least_samples;
    if (result.moments) bake_pairs(scene, page, paths, settings, works);
    while (!result.moments) {
        starts.clear();
        owners.clear();
        for (Work& work : works) {
            if (work.done) continue;
            owners.push_back(&work);
            for (int s = 0; s < round; ++s)
                starts.push_back(start_of(scene, page, work, static_cast<std::uint32_t>(work.sums.count + s), settings.unseen,
                                          !result.moments));
        }
        if (owners.empty()) break;
        results.resize(starts.size());
        trace_paths(scene, paths, starts.data(), starts.size(), results.data());
        if (settings.without_emission && !settings.irradiance) subtract_emission(scene, starts, results);
        for (std::size_t i = 0; i < starts.size(); ++i)
            add(owners[i / round]->sums, results[i].radiance, results[i].albedo);
        for (Work* work : owners) {
            const double mean = work->sums.luminance / work->sums.count;
            work->done = work->sums.count + round > settings.most_samples ||
                         // Nobody sees it: one round is enough for what reaches its neighbours through filtering.
                         (work->sights.empty() && !cameras.empty()) ||
                         standard_error(work->sums) <= settings.error * (mean + settings.floor);
        }
    }
    for (std::size_t i = 0; i < works.size(); ++i) write(works[i], first + i, result);
}

void detail_block(const SceneView& scene, const BakePage& page, const BakeTexels& texels, std::size_t first,
                  std::size_t last, int samples, const BakeDetail& detail) {
    std::vector<SurfaceQuery> queries;
    std::vector<SurfaceAnswer> answers(samples);
    for (std::size_t i = first; i < last; ++i) {
        const std::uint32_t number = texels.texel[i];
        const Texel texel{number, bake_hash(page.number, number), number % page.width, number / page.width,
                          texels.triangle + texels.start[i], texels.triangle + texels.start[i + 1]};
        queries.clear();
        for (int s = 0; s < samples; ++s) {
            const BakePair at = bake_pair(texel.seed, static_cast<std::uint32_t>(s), kPlace);
            const Place place = place_in(scene, page, texel, at);
            queries.push_back({place.triangle, place.u, place.v, place.normal * -1.f});
        }
        surface_points(scene, queries.data(), queries.size(), answers.data());
        float sum[3] = {0, 0, 0};
        for (const SurfaceAnswer& a : answers) {
            const Vec3 both = a.base_color + a.emission;
            sum[0] += std::clamp(both.x, 0.f, 1.f);
            sum[1] += std::clamp(both.y, 0.f, 1.f);
            sum[2] += std::clamp(both.z, 0.f, 1.f);
        }
        for (int k = 0; k < 3; ++k) detail.colour[3 * i + k] = sum[k] / samples;
        const Place centre = place_in(scene, page, texel, {0.5, 0.5});
        detail.triangle[i] = centre.local;
        detail.place[2 * i] = centre.u;
        detail.place[2 * i + 1] = centre.v;
    }
}

}  // namespace nightproof
