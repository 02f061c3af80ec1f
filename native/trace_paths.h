// One path at its next surface: what it gathers, where it goes on. Every kind of surface is known here; opaque ones have
// a faster twin for eight paths at a time in trace_wide_paths.h.
#pragma once
#include "trace_layers.h"
#include "trace_lights.h"
#include "trace_visibility.h"

namespace nightproof {
namespace NIGHTPROOF_ISA {

constexpr uint32_t kPairsPerBounce = 3;
constexpr uint32_t kFirstBouncePair = 1;  // pair 0 places the ray in the pixel
constexpr float kApart = 0.5f;            // how far they lie from each other on their lights, along both axes
constexpr float kSmooth = 0.1f;           // roughness up to which the denoiser's guides look further

struct Path {
    Vec3 origin, direction;
    Vec3 throughput;
    Receiver last;     // where the path scattered last
    float pdf;         // of that scattering; negative: lights count fully (camera, mirrors)
    float stretch;     // product of squared indices of refraction, which roulette must not mistake for loss
    uint32_t seed, index;
    uint32_t medium;   // material whose volume the path is in, or kNone
    int edges;         // rays so far that count as path length
    int layers;        // panes passed
    bool guided;       // albedo and normal are final
    bool direct;       // nothing scattered yet
    uint32_t color;    // 1 … 3: the only channel left, since glass has spread the light; 0: all
    Hit hit;
    PathResult* result;
};

struct Shadow {
    Vec3 origin, direction, light;
    float limit;
    uint32_t id;
};

struct Bounce {
    Pair choices, light, scatter;  // (lobe, light), place on the light, direction
};

static inline Bounce bounce_samples(const Path& path, int sobol_bounces) {
    const int bounce = path.edges - 1;
    // Panes don't count as bounces but need numbers of their own.
    const uint32_t pair = kFirstBouncePair + kPairsPerBounce * static_cast<uint32_t>(bounce + 0x10000 * path.layers);
    if (bounce < sobol_bounces)
        return {sobol_pair(path.seed, path.index, pair), sobol_pair(path.seed, path.index, pair + 1),
                sobol_pair(path.seed, path.index, pair + 2)};
    const uint32_t key = mix(path.seed ^ (pair * 0x9e3779b9u), path.index);
    const uint32_t a = mix(key ^ 0x3c6ef372u), b = mix(key ^ 0xa54ff53au), c = mix(key ^ 0x510e527fu);
    const uint32_t d = mix(key ^ 0x9b05688cu), e = mix(key ^ 0x1f83d9abu), f = mix(key ^ 0x5be0cd19u);
    return {{unit(a), unit(b)}, {unit(c), unit(d)}, {unit(e), unit(f)}};
}

static inline float balance(float a, float b) {  // power heuristic
    const float a2 = a * a;
    return a2 / (a2 + b * b);
}

static inline Vec3 add_guide(Vec3 sum, const Path& path, Vec3 albedo) {
    return sum + vec(saturate(albedo.x), saturate(albedo.y), saturate(albedo.z)) * saturate(greatest(path.throughput));
}

static inline void guide(Path& path, Vec3 albedo, Vec3 normal) {
    if (path.guided) return;
    path.result->albedo = add_guide(path.result->albedo, path, albedo);
    path.result->normal = normal;
    path.guided = true;
}

static inline void escape(const SceneView& scene, Path& path) {
    if (!scene.environment.radiance) return;
    const Uv at = environment_place(path.direction);
    const Vec3 light = environment_radiance(scene.environment, at.u, at.v);
    float weight = 1.f;
    if (path.pdf >= 0.f && scene.choose_environment > 0.f)
        weight = balance(path.pdf, scene.choose_environment * environment_pdf(scene.environment, path.direction));
    path.result->radiance = path.result->radiance + path.throughput * light * weight;
    guide(path, light, vec(0, 0, 0));
}

static inline Vec3 emitted(const SceneView& scene, const Surface& s, Vec3 viewer) {
    if (black(s.material->emissive) || !(s.front || s.material->double_sided)) return grey(0);
    return emission(scene, scene.triangles[s.triangle], s.w, *s.material, viewer);
}

// Glass that spreads colours sends each another way, so a path follows one. Which one takes turns over a pixel's samples.
static inline void follow_one_color(Path& path) {
    if (path.color) return;
    path.color = 1 + (mix(path.seed ^ 0x1b873593u) + path.index) % 3;
    const Vec3 t = path.throughput * 3.f;
    path.throughput = vec(path.color == 1 ? t.x : 0.f, path.color == 2 ? t.y : 0.f, path.color == 3 ? t.z : 0.f);
}

static inline Bsdf bsdf_at(const Surface& s, bool inside, uint32_t color) {
    Bsdf b;
    b.kind = s.material->kind == kPlate ? static_cast<int>(kPrincipled) : s.material->kind;
    b.base = s.base;
    b.roughness = s.roughness;
    b.alpha = high(s.roughness * s.roughness, kLeastAlpha);
    b.metallic = s.metallic;
    b.transmission = s.transmission;
    b.inside = inside;
    float eta = s.material->eta;
    if (s.material->spread > 0.f) eta = high(eta + s.material->spread * (static_cast<float>(color) - 2.f), 1.f);
    b.eta = inside ? 1.f / eta : eta;
    return b;
}

// The frame of scattering: where there is grain, x runs along it.
static inline Frame frame_at(const SceneView& scene, const Surface& s, float* strength) {
    const Material& material = *s.material;
    *strength = 0.f;
    if (material.kind != kLayered || !(material.grain > 0.f)) return frame_of(s.shading);
    const Triangle& triangle = scene.triangles[s.triangle];
    // Texture space is the front's: from behind it is seen mirrored.
    const Tangents plane = tangents_at(scene, triangle, s.w, s.front ? s.shading : -s.shading);
    if (!plane.some) return frame_of(s.shading);
    *strength = material.grain;
    float x = 1.f, y = 0.f;
    if (material.grain_texture.texture >= 0) {
        const Texel texel = look_up(scene, triangle, s.w, material.grain_texture);
        x = 2.f * texel.r - 1.f;
        y = 2.f * texel.g - 1.f;
        *strength *= texel.b;
    }
    const float cosine = material.grain_turn[0], sine = material.grain_turn[1];
    const Vec3 along = plane.along * (cosine * x - sine * y) + plane.side * (sine * x + cosine * y);
    if (!(dot(along, along) > 0.f)) return frame_of(s.shading);
    const Vec3 t = normalize(along);
    return {t, cross(s.shading, t), s.shading};
}

// A normal whose mirror sends the viewer's ray below the surface, bent until it just does not: at grazing angles a coat takes
// all light, and would show black what it sends nowhere.
static inline Vec3 mirroring(Vec3 n, Vec3 surface, Vec3 viewer) {
    constexpr float kLeast = 0.02f;
    const Vec3 out = mirrored(viewer, n);
    const float height = dot(out, surface);
    return height >= kLeast ? n : normalize(viewer + normalize(out + surface * (kLeast - height)));
}

static inline Layers layers_at(const SceneView& scene, const Surface& s, const Frame& frame, const Bsdf& bsdf, float grain,
                               Vec3 viewer) {
    Layers l{};
    const Material& material = *s.material;
    if (material.kind != kLayered) return l;
    const Triangle& triangle = scene.triangles[s.triangle];
    const auto texel = [&](const TextureUse& use) {
        return use.texture >= 0 ? look_up(scene, triangle, s.w, use) : Texel{1, 1, 1, 1};
    };
    const auto color = [&](Vec3 factor, const TextureUse& use) {
        const Texel t = texel(use);
        return factor * vec(t.r, t.g, t.b);
    };
    set_grain(l, bsdf.alpha, grain);
    set_specular(l, material.specular * texel(material.specular_texture).a,
                 color(material.specular_color, material.specular_color_texture));
    if (material.film > 0.f)
        set_film(l, material.film * texel(material.film_texture).r, material.film_ior,
                 lerp(material.film_nm[0], material.film_nm[1], texel(material.film_thickness_texture).g));
    if (material.passing > 0.f)
        set_passing(l, material.passing * texel(material.passing_texture).a,
                    color(material.passing_color, material.passing_color_texture));
    if (!black(material.sheen))
        set_sheen(l, color(material.sheen, material.sheen_texture),
                  material.sheen_roughness * texel(material.sheen_roughness_texture).a);
    if (material.coat > 0.f) {
        Vec3 n = s.front ? s.smooth : -s.smooth;
        if (material.coat_normal_texture.texture >= 0) n = bump(scene, triangle, s.w, material.coat_normal_texture, n);
        set_coat(l, material.coat * texel(material.coat_texture).r,
                 material.coat_roughness * texel(material.coat_roughness_texture).g,
                 to_local(frame, mirroring(seen_from(s.front ? n : -n, viewer), s.normal, viewer)));
    }
    return l;
}

static inline bool sees_through(const Surface& s) {
    const float clear = s.transmission * (1.f - s.metallic);
    return s.roughness <= kSmooth && (clear > 0.5f || s.metallic > 0.9f);
}

static inline void leave(Path& path, const SceneView& scene, const Surface& s, Vec3 direction, bool across) {
    const float step = step_off(scene, s.position);
    path.origin = s.position + s.normal * (across ? -step : step);
    path.direction = direction;
}

// A smooth pane: true where the path passes or bounces off it, false where it meets the opaque part of the blend.
static inline bool pass_pane(const SceneView& scene, Path& path, const Surface& s, float lobe) {
    if (!(lobe < s.transmission)) return false;
    const float reflectance = pane_reflectance(saturate(dot(s.shading, -path.direction)), s.material->eta);
    const Vec3 through = s.base * (1.f - reflectance);
    const float most = reflectance + luminance(through);
    const float odds = most > 0.f ? reflectance / most : 1.f;
    const bool reflect = lobe < s.transmission * odds;
    if (reflect) {
        Vec3 out = mirrored(-path.direction, s.shading);
        if (!(dot(out, s.normal) > 0.f)) out = mirrored(-path.direction, s.normal);
        path.throughput = path.throughput * (reflectance / odds);
        path.pdf = -1.f;  // no sampled light can be met this way
        path.direct = false;
        leave(path, scene, s, out, false);
    } else {
        path.throughput = path.throughput * through * (1.f / (1.f - odds));
        // Straight through: shadow rays pass as well, so the last scattering still competes with them.
        leave(path, scene, s, path.direction, true);
        path.edges -= 1;
        path.layers += 1;
    }
    if (path.layers >= kMaxLayers) path.throughput = grey(0);
    return true;
}

static inline bool survives(Path& path, uint32_t scatterings, uint32_t first) {
    if (scatterings < first) return true;
    const float odds = low(root(greatest(path.throughput) * path.stretch), 0.97f);
    if (!(odds > 0.f)) return false;
    if (odds >= 0.97f) return true;
    const uint32_t bits = mix(mix(path.seed ^ 0x2545f491u, path.index), scatterings);
    if (!(unit(bits) < odds)) return false;
    path.throughput = path.throughput * (1.f / odds);
    return true;
}

static inline Pair shifted(Pair uv, int candidate) {
    const float x = uv.x + kApart * candidate, y = uv.y + kApart * candidate;
    return {x >= 1.f ? x - 1.f : x, y >= 1.f ? y - 1.f : y};
}

// Whether geometry and normals disagree about the side that light comes from. A coat judges by its own normal.
static inline bool sides_differ(const Surface& s, const Layers& layers, bool above, Vec3 wo) {
    return s.material->kind == kLayered && !(layers.passing > 0.f) ? !above : above != (wo.z > 0.f);
}

// Light from lights, for one shadow ray to confirm. Of several samples, spread evenly over lights and places, one is kept
// in proportion to what it would bring, and stands for the mean of all (resampled importance sampling: Talbot,
// Cline and Egbert 2005): only what blocks the light is left to chance.
static inline bool ask_light(const SceneView& scene, const Path& path, const Surface& s, const Frame& frame,
                             const Bsdf& bsdf, const Layers& layers, const Odds& odds, Vec3 wi, const Receiver& at,
                             const Bounce& samples, uint32_t id, Shadow* shadow) {
    const float step = step_off(scene, s.position);
    float total = 0.f, share = 0.f;
    for (int c = 0; c < kCandidates; ++c) {
        const LightSample light =
            sample_light(scene, at, candidate(scene, samples.choices.y, c), shifted(samples.light, c));
        if (!(light.pdf > 0.f) || black(light.radiance)) continue;
        const Vec3 wo = to_local(frame, light.direction);
        const bool above = dot(light.direction, s.normal) > 0.f;
        if (sides_differ(s, layers, above, wo)) continue;
        const Value value = scattering(bsdf, layers, wi, wo, odds);
        if (black(value.f)) continue;
        const float weight = light.hittable ? balance(light.pdf, value.pdf) : 1.f;
        Vec3 arriving = path.throughput * value.f * light.radiance * (weight / light.pdf);
        if (s.material->kind == kVolume && light.distance < kInfinity) {
            const bool within = above == bsdf.inside;  // on the side of the volume
            if (within) arriving = arriving * exponential(s.material->extinction * -light.distance);
        }
        if (!finite(arriving)) continue;
        const float bright = arriving.x + arriving.y + arriving.z;
        total += bright;
        if (!(unit(mix(id ^ (0x9e3779b9u * static_cast<uint32_t>(c)))) * total < bright)) continue;
        share = bright;
        shadow->origin = s.position + s.normal * (above ? step : -step);
        shadow->direction = light.direction;
        shadow->limit = light.distance < kInfinity ? light.distance * (1.f - 1e-4f) - 2.f * step : kInfinity;
        shadow->light = arriving;
    }
    if (!(share > 0.f)) return false;
    shadow->light = shadow->light * (total / (share * kCandidates));
    return finite(shadow->light);
}

static inline uint32_t ray_id(uint32_t seed, uint32_t index, uint32_t edges) {
    return mix(mix(seed ^ 0x6a09e667u, index), edges);
}

static const Material kWhite = {kLambert, kOpaque, {1.f, 1.f, 1.f, 1.f}, 0.f, 1.f, 1.5f};

static inline void whiten(Surface& s) {
    s.material = &kWhite;
    s.base = grey(1);
    s.roughness = 1.f;
    s.metallic = s.transmission = 0.f;
}

// Shades the hit of a path. Returns false where the path ends; `asked` tells whether `shadow` was filled.
static inline bool advance(const SceneView& scene, const PathSettings& settings, Path& path, Shadow* shadow, bool* asked) {
    *asked = false;
    path.edges += 1;
    if (path.hit.triangle == kNone) {
        escape(scene, path);
        return false;
    }
    if (path.direct && path.layers == 0) path.result->distance = path.hit.distance;
    Surface s = surface_at(scene, path.hit.triangle, path.hit.u, path.hit.v, -path.direction);
    if (settings.white_start && path.edges == 1) whiten(s);
    const Material& material = *s.material;
    if (path.medium != kNone)
        path.throughput = path.throughput * exponential(scene.materials[path.medium].extinction * -path.hit.distance);
    if (material.kind == kUnlit) {
        if (path.direct) path.result->radiance = path.result->radiance + path.throughput * s.base;
        guide(path, s.base, s.shading);
        return false;
    }
    const Vec3 glow = emitted(scene, s, -path.direction);
    if (!black(glow)) {
        float weight = 1.f;
        if (path.pdf >= 0.f) {
            const float travelled = length(s.position - path.last.position);
            weight = balance(path.pdf, triangle_pdf(scene, path.last, s.triangle, path.direction, travelled));
        }
        path.result->radiance = path.result->radiance + path.throughput * glow * weight;
    }
    if (path.edges >= settings.max_depth) {
        guide(path, s.base + glow, s.shading);
        return false;
    }
    Bounce samples = bounce_samples(path, settings.sobol_bounces);
    if (material.kind == kPlate) {
        const float share = s.transmission;
        if (pass_pane(scene, path, s, samples.choices.x)) return !black(path.throughput);
        samples.choices.x = saturate((samples.choices.x - share) / high(1.f - share, 1e-6f));
    }
    if (!sees_through(s)) guide(path, s.base + glow, s.shading);
    const bool inside = material.kind == kVolume && !s.front;
    if (settings.gather && !path.direct) {
        Vec3 gathered;
        if (settings.gather(settings.gather_user, s.triangle, path.hit.u, path.hit.v, s.front, path.direction,
                            path.hit.distance, &gathered)) {
            path.result->radiance = path.result->radiance + path.throughput * gathered;
            return false;
        }
    }
    if (material.spread > 0.f) follow_one_color(path);
    const Bsdf bsdf = bsdf_at(s, inside, path.color);
    float grain;
    const Frame frame = frame_at(scene, s, &grain);
    const Layers layers = layers_at(scene, s, frame, bsdf, grain, -path.direction);
    const Vec3 wi = to_local(frame, -path.direction);
    const Odds odds = lobe_odds(bsdf, layers, wi);
    const bool both_sides = material.kind == kVolume || material.kind == kThinRough || layers.passing > 0.f;
    const Receiver at{s.position, both_sides ? grey(0) : s.shading};
    shadow->id = ray_id(path.seed, path.index, static_cast<uint32_t>(path.edges)) ^ 0x5bd1e995u;
    *asked = ask_light(scene, path, s, frame, bsdf, layers, odds, wi, at, samples, shadow->id, shadow);
    const Scattered next = scatter(bsdf, layers, wi, odds, samples.choices.x, samples.scatter);
    if (!(next.pdf > 0.f)) return false;
    const Vec3 out = to_world(frame, next.direction);
    // By its shading normal light may leave on the wrong side of the triangle. Walls swallow it; glass lets it go where
    // it goes, as Mitsuba does: swallowed, it would leave black bands where coarse facets bend.
    const bool beneath = dot(out, s.normal) < 0.f;
    if (beneath != next.transmitted && material.kind != kVolume) return false;
    path.throughput = path.throughput * next.weight;
    if (black(path.throughput) || !finite(path.throughput)) return false;
    path.pdf = next.pdf;
    path.direct = false;
    path.last = at;
    leave(path, scene, s, out, beneath);
    if (next.transmitted && material.kind == kVolume) path.stretch *= square(bsdf.eta);
    if (beneath && material.kind == kVolume)
        path.medium = inside || black(material.extinction) ? kNone : scene.triangles[s.triangle].material;
    return survives(path, static_cast<uint32_t>(path.edges), static_cast<uint32_t>(settings.first_roulette));
}

}  // namespace NIGHTPROOF_ISA
}  // namespace nightproof
