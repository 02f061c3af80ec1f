// Eight paths at a time at their next surfaces, all of them opaque: the fast twin of `advance`, which takes the rest.
#pragma once
#include "trace_paths.h"
#include "trace_wide_bsdf.h"
#include "trace_wide_lights.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

// Live paths, one array per number, without gaps.
enum Number {
    kOriginX, kOriginY, kOriginZ,
    kDirectionX, kDirectionY, kDirectionZ,
    kThroughputX, kThroughputY, kThroughputZ,
    kLastX, kLastY, kLastZ,
    kLastNormalX, kLastNormalY, kLastNormalZ,
    kPdf, kStretch,
    kCarriedNumbers,  // the rest is found anew at every bounce
    kDistance = kCarriedNumbers, kU, kV,
    kNumbers
};
enum Word { kSeed, kIndex, kMedium, kSlot, kEdges, kLayers, kFlags, kCarriedWords, kHitTriangle = kCarriedWords, kWords };
enum Flag : uint32_t { kDirect = 1, kGuided = 2 };
constexpr uint32_t kColorShift = 2;  // above the flags: `Path::color`

constexpr uint32_t kRoom = kPathBatch + kWide;

struct Flight {
    alignas(64) float number[kNumbers][kRoom];
    alignas(64) uint32_t word[kWords][kRoom];
};

// Shadow rays to ask, and what they bring if nothing is in the way.
struct Shadows {
    uint32_t count;
    alignas(64) float origin[3][kRoom], direction[3][kRoom], light[3][kRoom], limit[kRoom];
    alignas(64) uint32_t id[kRoom], slot[kRoom];
};

NIGHTPROOF_INLINE Vec3 triple(const Flight& f, int first, uint32_t i) {
    return {f.number[first][i], f.number[first + 1][i], f.number[first + 2][i]};
}
NIGHTPROOF_INLINE void put(Flight& f, int first, uint32_t i, Vec3 v) {
    f.number[first][i] = v.x;
    f.number[first + 1][i] = v.y;
    f.number[first + 2][i] = v.z;
}
NIGHTPROOF_INLINE Vecs triples(const Flight& f, int first, uint32_t i) {
    return {load<Floats>(f.number[first] + i), load<Floats>(f.number[first + 1] + i), load<Floats>(f.number[first + 2] + i)};
}
// Writes the lanes of `mask`, leaves the others.
NIGHTPROOF_INLINE void put(Flight& f, int number, uint32_t i, Ints mask, Floats v) {
    store(f.number[number] + i, pick(mask, v, load<Floats>(f.number[number] + i)));
}
NIGHTPROOF_INLINE void put(Flight& f, int first, uint32_t i, Ints mask, const Vecs& v) {
    put(f, first, i, mask, v.x);
    put(f, first + 1, i, mask, v.y);
    put(f, first + 2, i, mask, v.z);
}

static inline void begin(const PathStart& start, uint32_t i, Flight& f) {
    put(f, kOriginX, i, start.origin);
    put(f, kDirectionX, i, start.direction);
    put(f, kThroughputX, i, grey(1));
    put(f, kLastX, i, grey(0));
    put(f, kLastNormalX, i, grey(0));
    f.number[kPdf][i] = -1.f;
    f.number[kStretch][i] = 1.f;
    f.number[kDistance][i] = 0.f;
    f.number[kU][i] = start.u;
    f.number[kV][i] = start.v;
    f.word[kSeed][i] = start.seed;
    f.word[kIndex][i] = start.index;
    f.word[kMedium][i] = kNone;
    f.word[kSlot][i] = i;
    f.word[kEdges][i] = f.word[kLayers][i] = 0;
    f.word[kFlags][i] = kDirect;
    f.word[kHitTriangle][i] = start.triangle;
}

static inline Path path_of(const Flight& f, uint32_t i, PathResult* results) {
    Path p;
    p.origin = triple(f, kOriginX, i);
    p.direction = triple(f, kDirectionX, i);
    p.throughput = triple(f, kThroughputX, i);
    p.last = {triple(f, kLastX, i), triple(f, kLastNormalX, i)};
    p.pdf = f.number[kPdf][i];
    p.stretch = f.number[kStretch][i];
    p.seed = f.word[kSeed][i];
    p.index = f.word[kIndex][i];
    p.medium = f.word[kMedium][i];
    p.edges = static_cast<int>(f.word[kEdges][i]);
    p.layers = static_cast<int>(f.word[kLayers][i]);
    p.guided = f.word[kFlags][i] & kGuided;
    p.direct = f.word[kFlags][i] & kDirect;
    p.color = f.word[kFlags][i] >> kColorShift;
    p.hit = {f.number[kDistance][i], f.number[kU][i], f.number[kV][i], f.word[kHitTriangle][i]};
    p.result = results + f.word[kSlot][i];
    return p;
}

static inline void put(Flight& f, uint32_t i, const Path& p) {
    put(f, kOriginX, i, p.origin);
    put(f, kDirectionX, i, p.direction);
    put(f, kThroughputX, i, p.throughput);
    put(f, kLastX, i, p.last.position);
    put(f, kLastNormalX, i, p.last.normal);
    f.number[kPdf][i] = p.pdf;
    f.number[kStretch][i] = p.stretch;
    f.word[kMedium][i] = p.medium;
    f.word[kEdges][i] = static_cast<uint32_t>(p.edges);
    f.word[kLayers][i] = static_cast<uint32_t>(p.layers);
    f.word[kFlags][i] = (p.guided ? kGuided : 0u) | (p.direct ? kDirect : 0u) | p.color << kColorShift;
}

static inline void push(Shadows& all, const Shadow& shadow, uint32_t slot) {
    const uint32_t i = all.count++;
    const Vec3 from[3] = {shadow.origin, shadow.direction, shadow.light};
    float(*const to[3])[kRoom] = {all.origin, all.direction, all.light};
    for (int k = 0; k < 3; ++k) {
        to[k][0][i] = from[k].x;
        to[k][1][i] = from[k].y;
        to[k][2][i] = from[k].z;
    }
    all.limit[i] = shadow.limit;
    all.id[i] = shadow.id;
    all.slot[i] = slot;
}

struct Bounces {
    Pairs choices, light, scatter;
};

NIGHTPROOF_INLINE Bounces bounce_samples(Words seed, Words index, Words edges, Words layers, int sobol_bounces) {
    const Words bounce = edges - 1u;
    const Words pair = kFirstBouncePair + kPairsPerBounce * (bounce + 0x10000u * layers);
    const Ints early = (Ints)bounce < sobol_bounces;
    const uint32_t which = bits(early);
    Bounces sobol{}, hashed{};
    if (which) {
        const Words backward = reversed(index);
        sobol = {sobol_pairs(seed, backward, pair), sobol_pairs(seed, backward, pair + 1u),
                 sobol_pairs(seed, backward, pair + 2u)};
        if (which == (1u << kWide) - 1) return sobol;
    }
    const Words key = mix(seed ^ (pair * 0x9e3779b9u), index);
    const auto number = [&](uint32_t salt) { return unit(mix(key ^ salt)); };
    hashed = {{number(0x3c6ef372u), number(0xa54ff53au)}, {number(0x510e527fu), number(0x9b05688cu)},
              {number(0x1f83d9abu), number(0x5be0cd19u)}};
    if (!which) return hashed;
    const auto either = [&](const Pairs& a, const Pairs& b) { return Pairs{pick(early, a.x, b.x), pick(early, a.y, b.y)}; };
    return {either(sobol.choices, hashed.choices), either(sobol.light, hashed.light), either(sobol.scatter, hashed.scatter)};
}

NIGHTPROOF_INLINE Pairs shifted(const Pairs& uv, int candidate) {
    const Floats x = uv.x + kApart * static_cast<float>(candidate), y = uv.y + kApart * static_cast<float>(candidate);
    return {pick(x >= 1.f, x - 1.f, x), pick(y >= 1.f, y - 1.f, y)};
}

NIGHTPROOF_INLINE Words ray_ids(Words seed, Words index, Words edges) {
    return mix(mix(seed ^ 0x6a09e667u, index), edges);
}

NIGHTPROOF_INLINE Floats balance(Floats a, Floats b) {
    const Floats a2 = a * a;
    return a2 / (a2 + b * b);
}

NIGHTPROOF_INLINE Floats steps_off(const SceneView& scene, const Vecs& p) {
    return scene.epsilon + 4e-6f * high(magnitude(p.x), high(magnitude(p.y), magnitude(p.z)));
}

// As `Surface`, of surfaces that scatter light and let none pass.
struct Surfaces {
    const Material* material[kWide];
    Vecs position, normal, shading, base, glow;
    Floats roughness, metallic, eta;
    Ints front, lambert;
    uint32_t glowing;  // lanes
};

NIGHTPROOF_INLINE Surfaces surfaces_at(const SceneView& scene, const Flight& f, uint32_t i, uint32_t wanted, const Vecs& viewer) {
    Surfaces s;
    const Triangle* triangle[kWide];
    const Corner *a[kWide], *b[kWide], *c[kWide];
    for (int k = 0; k < kWide; ++k) {
        triangle[k] = scene.triangles + (wanted >> k & 1 ? f.word[kHitTriangle][i + k] : 0u);
        s.material[k] = scene.materials + triangle[k]->material;
        a[k] = scene.corners + triangle[k]->corner[0];
        b[k] = scene.corners + triangle[k]->corner[1];
        c[k] = scene.corners + triangle[k]->corner[2];
    }
    const Floats wb = load<Floats>(f.number[kU] + i), wc = load<Floats>(f.number[kV] + i), wa = 1.f - wb - wc;
    Floats ca[8], cb[8], cc[8];
    columns<8>(a, 0, ca);
    columns<8>(b, 0, cb);
    columns<8>(c, 0, cc);
    const auto place = [](const Floats* column) { return Vecs{column[0], column[1], column[2]}; };
    const Vecs pa = place(ca), pb = place(cb), pc = place(cc), na = place(ca + 3), nb = place(cb + 3), nc = place(cc + 3);
    s.position = pa * wa + pb * wb + pc * wc;
    const Vecs flat = normalize(cross(pb - pa, pc - pa));
    s.front = dot(flat, viewer) >= 0.f;
    s.normal = pick(s.front, flat, -flat);
    Vecs n = normalize(na * wa + nb * wb + nc * wc);
    n = pick(dot(n, flat) < 0.f, -n, n);

    alignas(32) float base[3][kWide], roughness[kWide], metallic[kWide];
    for (int k = 0; k < kWide; ++k) {
        const Material& m = *s.material[k];
        base[0][k] = m.base_color[0];
        base[1][k] = m.base_color[1];
        base[2][k] = m.base_color[2];
        roughness[k] = m.roughness;
        metallic[k] = m.metallic;
        if (!(m.textured || scene.colors) || !(wanted >> k & 1)) continue;
        const Weights w{wa[k], wb[k], wc[k]};
        const Texel t = base_color(scene, *triangle[k], w, m);
        base[0][k] = t.r;
        base[1][k] = t.g;
        base[2][k] = t.b;
        if (m.metal_rough_texture.texture >= 0) {
            const Texel mr = look_up(scene, *triangle[k], w, m.metal_rough_texture);
            roughness[k] *= mr.g;
            metallic[k] *= mr.b;
        }
        if (m.normal_texture.texture >= 0) put(n, k, bump(scene, *triangle[k], w, m.normal_texture, lane(n, k)));
    }
    n = pick(s.front, n, -n);
    constexpr float kGrazing = 1e-3f;
    const Floats cosine = dot(n, viewer);
    const Ints tilted = cosine < kGrazing;
    s.shading = bits(tilted) ? pick(tilted, normalize(n + viewer * (kGrazing - cosine)), n) : n;
    s.base = {high(load<Floats>(base[0]), 0.f), high(load<Floats>(base[1]), 0.f), high(load<Floats>(base[2]), 0.f)};
    s.roughness = load<Floats>(roughness);
    s.metallic = load<Floats>(metallic);
    s.eta = floats([&](int k) { return s.material[k]->eta; });
    s.lambert = ints([&](int k) { return s.material[k]->kind == kLambert ? -1 : 0; });

    s.glow = greys(all(0.f));
    s.glowing = 0;
    for (int k = 0; k < kWide; ++k) {
        const Material& m = *s.material[k];
        if (black(m.emissive) || !(wanted >> k & 1) || !(s.front[k] || m.double_sided)) continue;
        const Vec3 glow = emission(scene, *triangle[k], {wa[k], wb[k], wc[k]}, m, lane(viewer, k));
        if (black(glow)) continue;
        put(s.glow, k, glow);
        s.glowing |= 1u << k;
    }
    return s;
}

// What the surfaces emit, weighed against having sampled them as lights.
NIGHTPROOF_INLINE void add_glow(const SceneView& scene, const Flight& f, uint32_t i, const Surfaces& s, PathResult* results) {
    for (uint32_t b = s.glowing; b; b &= b - 1) {
        const int k = first_of(b);
        const float pdf = f.number[kPdf][i + k];
        float weight = 1.f;
        if (pdf >= 0.f) {
            const Receiver last{triple(f, kLastX, i + k), triple(f, kLastNormalX, i + k)};
            const float travelled = length(lane(s.position, k) - last.position);
            weight = balance(pdf, triangle_pdf(scene, last, f.word[kHitTriangle][i + k], triple(f, kDirectionX, i + k), travelled));
        }
        Vec3& sum = results[f.word[kSlot][i + k]].radiance;
        sum = sum + triple(f, kThroughputX, i + k) * lane(s.glow, k) * weight;
    }
}

NIGHTPROOF_INLINE void add_guides(Flight& f, uint32_t i, const Surfaces& s, uint32_t lanes, PathResult* results) {
    for (uint32_t b = lanes; b; b &= b - 1) {
        const int k = first_of(b);
        Path path = path_of(f, i + k, results);
        guide(path, lane(s.base, k) + lane(s.glow, k), lane(s.shading, k));
        f.word[kFlags][i + k] |= kGuided;
    }
}

// Lanes whose light is known already and which end here.
NIGHTPROOF_INLINE uint32_t gathered(const PathSettings& settings, const Flight& f, uint32_t i, const Surfaces& s, uint32_t lanes,
                                    PathResult* results) {
    uint32_t found = 0;
    for (uint32_t b = lanes; b; b &= b - 1) {
        const int k = first_of(b);
        if (f.word[kFlags][i + k] & kDirect) continue;
        Vec3 light;
        if (!settings.gather(settings.gather_user, f.word[kHitTriangle][i + k], f.number[kU][i + k], f.number[kV][i + k],
                             s.front[k], triple(f, kDirectionX, i + k), f.number[kDistance][i + k], &light))
            continue;
        Vec3& sum = results[f.word[kSlot][i + k]].radiance;
        sum = sum + triple(f, kThroughputX, i + k) * light;
        found |= 1u << k;
    }
    return found;
}

NIGHTPROOF_INLINE void push(Shadows& shadows, uint32_t lanes, const Vecs& origin, const Vecs& direction, const Vecs& light,
                            Floats limit, Words id, Words slot) {
    const Ints order = to_front(lanes);
    const uint32_t at = shadows.count;
    const auto write = [&](float(*to)[kRoom], const Vecs& v) {
        store(to[0] + at, moved(v.x, order));
        store(to[1] + at, moved(v.y, order));
        store(to[2] + at, moved(v.z, order));
    };
    write(shadows.origin, origin);
    write(shadows.direction, direction);
    write(shadows.light, light);
    store(shadows.limit + at, moved(limit, order));
    store(shadows.id + at, (Words)moved((Floats)id, order));
    store(shadows.slot + at, (Words)moved((Floats)slot, order));
    shadows.count += static_cast<uint32_t>(__builtin_popcount(lanes));
}

// What one shadow ray per lane is to confirm.
struct Asked {
    Vecs direction, light;
    Floats limit;
    Ints some;
};

// As `ask_light`: several samples of lights are weighed, and one asked in the name of all.
NIGHTPROOF_INLINE Asked ask_lights(const SceneView& scene, const Surfaces& s, const Frames& frame, const Opaques& bsdf,
                                   const Receivers& at, const Bounces& samples, const Vecs& throughput, Floats step, Words id,
                                   uint32_t wanted) {
    const Floats none = all(0.f);
    Asked asked{{none, none, none}, greys(none), none, all(0)};
    Floats total = none, share = none;
    for (int c = 0; c < kCandidates; ++c) {
        const LightSamples light = sample_lights(scene, at, candidates(scene, samples.choices.y, c), shifted(samples.light, c),
                                                 wanted);
        const Vecs wo = to_local(frame, light.direction);
        const Values value = bsdf_value(bsdf, wo);
        const Floats weight = pick(light.hittable, balance(light.pdf, value.pdf), all(1.f));
        const Vecs arriving = throughput * value.f * light.radiance * (weight / light.pdf);
        const Ints some = (light.pdf > 0.f) & ~black(light.radiance) & (dot(light.direction, s.normal) > 0.f) & (wo.z > 0.f) &
                          ~black(value.f) & finite(arriving);
        const Floats bright = pick(some, arriving.x + arriving.y + arriving.z, none);
        total = total + bright;
        const Ints taken = some & (unit(mix(id ^ (0x9e3779b9u * static_cast<uint32_t>(c)))) * total < bright);
        asked.direction = pick(taken, light.direction, asked.direction);
        asked.light = pick(taken, arriving, asked.light);
        asked.limit = pick(taken, light.distance, asked.limit);
        asked.some |= taken;
        share = pick(taken, bright, share);
    }
    asked.light = asked.light * (total / (share * static_cast<float>(kCandidates)));
    asked.limit = pick(asked.limit < kInfinity, asked.limit * (1.f - 1e-4f) - 2.f * step, asked.limit);
    asked.some &= finite(asked.light);
    return asked;
}

// Advances the lanes of `wanted`, paths i …, which hit opaque surfaces; answers which of them go on.
static uint32_t advance_opaque(const SceneView& scene, const PathSettings& settings, Flight& f, uint32_t i, uint32_t wanted,
                               PathResult* results, Shadows& shadows) {
    const Vecs direction = triples(f, kDirectionX, i), viewer = -direction;
    const Words edges = load<Words>(f.word[kEdges] + i) + 1u, layers = load<Words>(f.word[kLayers] + i);
    for (uint32_t b = wanted; b; b &= b - 1) {
        const uint32_t k = i + first_of(b);
        f.word[kEdges][k] += 1;
        if ((f.word[kFlags][k] & kDirect) && f.word[kLayers][k] == 0)
            results[f.word[kSlot][k]].distance = f.number[kDistance][k];
    }
    const Surfaces s = surfaces_at(scene, f, i, wanted, viewer);
    add_glow(scene, f, i, s, results);
    const uint32_t ending = bits((Ints)edges >= settings.max_depth) & wanted;
    const Ints mirrors = (s.roughness <= kSmooth) & (s.metallic > 0.9f);
    const uint32_t guided = bits((load<Ints>(f.word[kFlags] + i) & static_cast<int32_t>(kGuided)) != 0);
    add_guides(f, i, s, wanted & ~guided & (ending | ~bits(mirrors)), results);
    wanted &= ~ending;
    if (settings.gather && wanted) wanted &= ~gathered(settings, f, i, s, wanted, results);
    if (!wanted) return 0;

    const Words seed = load<Words>(f.word[kSeed] + i), index = load<Words>(f.word[kIndex] + i);
    const Bounces samples = bounce_samples(seed, index, edges, layers, settings.sobol_bounces);
    const Frames frame = frame_of(s.shading);
    Opaques bsdf;
    bsdf.lambert = s.lambert;
    bsdf.plain = (bits(s.lambert) & wanted) == wanted;
    bsdf.base = s.base;
    bsdf.roughness = s.roughness;
    bsdf.alpha = high(s.roughness * s.roughness, kLeastAlpha);
    bsdf.metallic = s.metallic;
    bsdf.eta = s.eta;
    see_from(bsdf, to_local(frame, viewer));
    const Floats step = steps_off(scene, s.position);
    const Vecs throughput = triples(f, kThroughputX, i);
    const Vecs origin = s.position + s.normal * step;

    const Receivers at{s.position, s.shading};
    const Words id = ray_ids(seed, index, edges) ^ 0x5bd1e995u;
    const Asked asked = ask_lights(scene, s, frame, bsdf, at, samples, throughput, step, id, wanted);
    push(shadows, bits(asked.some) & wanted, origin, asked.direction, asked.light, asked.limit, id,
         load<Words>(f.word[kSlot] + i));

    const Scatterings next = bsdf_sample(bsdf, samples.choices.x, samples.scatter);
    const Vecs out = to_world(frame, next.direction);
    Vecs carried = throughput * next.weight;
    Ints alive = (next.pdf > 0.f) & (dot(out, s.normal) > 0.f) & ~black(carried) & finite(carried) & mask_of(wanted);
    const Ints late = (Ints)edges >= settings.first_roulette;
    if (bits(late) & wanted) {
        const Floats stretch = load<Floats>(f.number[kStretch] + i);
        const Floats odds = low(root(greatest(carried) * stretch), 0.97f);
        const Ints sure = ~late | (odds >= 0.97f);
        const Floats u = unit(mix(mix(seed ^ 0x2545f491u, index), edges));
        alive &= sure | (u < odds);
        carried = carried * pick(sure, all(1.f), 1.f / odds);
    }
    put(f, kOriginX, i, alive, origin);
    put(f, kDirectionX, i, alive, out);
    put(f, kThroughputX, i, alive, carried);
    put(f, kLastX, i, alive, at.position);
    put(f, kLastNormalX, i, alive, at.normal);
    put(f, kPdf, i, alive, next.pdf);
    const Ints flags = load<Ints>(f.word[kFlags] + i);
    store(f.word[kFlags] + i, flags & ~(alive & static_cast<int32_t>(kDirect)));
    return bits(alive);
}

// Light from the environment for paths i … that meet nothing.
static void escape_all(const SceneView& scene, Flight& f, uint32_t i, uint32_t lanes, PathResult* results) {
    const Environment& map = scene.environment;
    if (!map.radiance) return;
    const Vecs direction = triples(f, kDirectionX, i);
    const Spots at = environment_place(direction);
    const Vecs light = environment_radiance(map, at);
    Floats weight = all(1.f);
    if (scene.choose_environment > 0.f) {
        const Floats pdf = load<Floats>(f.number[kPdf] + i);
        const Floats other = scene.choose_environment * environment_pdf(map, at, direction);
        weight = pick(pdf >= 0.f, balance(pdf, other), weight);
    }
    const Vecs brought = triples(f, kThroughputX, i) * light * weight;
    for (uint32_t b = lanes; b; b &= b - 1) {
        const int k = first_of(b);
        Path path = path_of(f, i + k, results);
        path.result->radiance = path.result->radiance + lane(brought, k);
        guide(path, lane(light, k), vec(0, 0, 0));
    }
}

// Which of eight paths met nothing, and which an opaque surface that the vector code knows.
struct Sorted {
    uint32_t missed, opaque;
};

NIGHTPROOF_INLINE Sorted sort_hits(const SceneView& scene, const PathSettings& settings, const Flight& f, uint32_t i,
                                   uint32_t present) {
    Sorted sorted{0, 0};
    for (uint32_t b = present; b; b &= b - 1) {
        const int k = first_of(b);
        const uint32_t triangle = f.word[kHitTriangle][i + k];
        if (triangle == kNone) {
            sorted.missed |= 1u << k;
        } else if (f.word[kMedium][i + k] == kNone && !(settings.white_start && f.word[kEdges][i + k] == 0)) {
            const int kind = scene.materials[scene.triangles[triangle].material].kind;
            sorted.opaque |= static_cast<uint32_t>(kind == kLambert || kind == kPrincipled) << k;
        }
    }
    return sorted;
}

static inline bool advance_one(const SceneView& scene, const PathSettings& settings, Flight& f, uint32_t i, PathResult* results,
                               Shadows& shadows) {
    Path path = path_of(f, i, results);
    Shadow shadow{};
    bool asked;
    const bool goes_on = advance(scene, settings, path, &shadow, &asked);
    if (asked)
        push(shadows, shadow, f.word[kSlot][i]);
    if (goes_on) put(f, i, path);
    return goes_on;
}

// Shades `alive` paths; closes the gaps that those leave which end, and answers how many go on.
static uint32_t advance_all(const SceneView& scene, const PathSettings& settings, Flight& f, uint32_t alive, PathResult* results,
                            Shadows& shadows) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < alive; i += kWide) {
        const uint32_t left = alive - i, present = left >= kWide ? (1u << kWide) - 1 : (1u << left) - 1;
        const Sorted sorted = settings.plain ? Sorted{0, 0} : sort_hits(scene, settings, f, i, present);
        uint32_t on = 0;
        for (uint32_t b = present & ~(sorted.missed | sorted.opaque); b; b &= b - 1)
            on |= static_cast<uint32_t>(advance_one(scene, settings, f, i + first_of(b), results, shadows)) << first_of(b);
        if (sorted.missed) escape_all(scene, f, i, sorted.missed, results);
        if (sorted.opaque) on |= advance_opaque(scene, settings, f, i, sorted.opaque, results, shadows);
        const Ints order = to_front(on);
        for (int n = 0; n < kCarriedNumbers; ++n) store(f.number[n] + kept, moved(load<Floats>(f.number[n] + i), order));
        for (int n = 0; n < kCarriedWords; ++n) store(f.word[n] + kept, (Words)moved(load<Floats>(f.word[n] + i), order));
        kept += static_cast<uint32_t>(__builtin_popcount(on));
    }
    return kept;
}

// Traces up to kPathBatch paths, one bounce at a time: all rays, all shading, all shadow rays.
static void trace_batch(const SceneView& scene, const PathSettings& settings, const PathStart* starts, uint32_t count,
                        PathResult* results) {
    Flight f;
    Shadows shadows;
    RtcArguments arguments = filter_arguments();
    RtcArguments* args = scene.has_filters ? &arguments : nullptr;
    for (uint32_t i = 0; i < count; ++i) {
        begin(starts[i], i, f);
        results[i] = {grey(0), grey(0), grey(0), kInfinity};
    }
    const PathStart nothing{grey(0), vec(0, 0, 1), kNone, 0, 0, 0, 0};
    for (uint32_t i = count; i < count + kWide; ++i) begin(nothing, i, f);  // what idle lanes read
    bool first = true;
    for (uint32_t alive = count; alive; first = false) {
        for (uint32_t i = 0; i < alive; ++i) {
            if (first && f.word[kHitTriangle][i] != kNone) continue;
            const uint32_t id = scene.has_filters ? ray_id(f.word[kSeed][i], f.word[kIndex][i], f.word[kEdges][i]) : 0;
            const Hit hit = first_hit(scene, triple(f, kOriginX, i), triple(f, kDirectionX, i), kInfinity, id, args);
            f.number[kDistance][i] = hit.distance;
            f.number[kU][i] = hit.u;
            f.number[kV][i] = hit.v;
            f.word[kHitTriangle][i] = hit.triangle;
        }
        shadows.count = 0;
        alive = advance_all(scene, settings, f, alive, results, shadows);
        for (uint32_t i = 0; i < shadows.count; ++i) {
            const auto at = [&](const float(*v)[kRoom]) { return vec(v[0][i], v[1][i], v[2][i]); };
            const Vec3 passing = transmittance(scene, at(shadows.origin), at(shadows.direction), shadows.limit[i], shadows.id[i], args);
            Vec3& sum = results[shadows.slot[i]].radiance;
            sum = sum + at(shadows.light) * passing;
        }
    }
    for (uint32_t i = 0; i < count; ++i)
        if (!finite(results[i].radiance)) results[i].radiance = grey(0);
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
