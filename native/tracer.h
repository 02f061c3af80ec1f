// The path tracer as other native code sees it: a scene, path starts in, radiance out. No shading code stands here;
// that is compiled once per instruction set (native/isa/trace_*.cpp) and reached through the functions below.
//
// Everything is plain data, because it crosses into code built for other instruction sets: an inline member function
// compiled there could replace the portable copy when linking.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "embree_abi.h"

namespace nightproof {

struct Vec3 {
    float x, y, z;
};

constexpr uint32_t kNone = 0xffffffffu;

// What a path needs of a corner of a triangle: one cache line.
struct alignas(64) Corner {
    Vec3 position, normal;
    float tangent[4];  // w: handedness; all zero where there is none
    float uv[2][2];
};

struct Triangle {
    uint32_t corner[3];
    uint32_t material;
};

enum WrapMode : int { kRepeat = 0, kClamp = 1, kMirror = 2 };

struct TextureLevel {
    const uint8_t* bytes;  // RGBA, or null
    const float* floats;   // RGBA, or null
    int width, height;
};

constexpr int kMaxLevels = 16;

struct Texture {
    TextureLevel level[kMaxLevels];  // 0 is the image itself
    int levels;
    int wrap_u, wrap_v;
    bool srgb, nearest;
};

struct TextureUse {
    int texture;  // negative: none
    int texcoord;
    float transform[6];  // rows of the affine map
    float scale;
};

enum AlphaMode : int { kOpaque = 0, kMask = 1, kBlend = 2 };

enum Kind : int {
    kLambert = 0,     // base colour / π
    kPrincipled = 1,  // opaque metallic-roughness
    kVolume = 2,      // the mesh bounds a volume: principled with refraction
    kThinRough = 3,   // rough pane without refraction
    kPlate = 4,       // smooth pane (seen and lit straight through) blended with the opaque lobe
    kUnlit = 5,       // base colour seen directly, black to the light
    kLayered = 6,     // principled with grain, sheen, coat or film, a reflectance of its own, or light passing diffusely
};

struct Material {
    int kind;
    int alpha_mode;
    float base_color[4];
    float metallic, roughness;
    float eta;  // index of refraction; from ior and specular, but for kLayered from ior alone
    float transmission;
    float alpha_cutoff;
    Vec3 emissive;
    Vec3 extinction;  // per metre, inside volumes
    float spread;     // of the index of refraction in volumes: so much less for red, more for blue
    bool double_sided;
    bool textured;  // base colour, metal and roughness or normals
    TextureUse base_texture, metal_rough_texture, normal_texture, emissive_texture, transmission_texture;
    TextureUse sh_texture[3];     // slopes of the outgoing radiance along x, y, z; viewers only
    float sh_scale;               // of the slopes
    TextureUse lightmap_texture;  // irradiance over intensity; viewers only
    float lightmap_intensity;
    // Of kLayered only.
    float grain;         // strength of the anisotropy
    float grain_turn[2];  // cosine and sine of its rotation from the tangent
    Vec3 sheen;
    float sheen_roughness;
    float coat, coat_roughness;
    TextureUse grain_texture, sheen_texture, sheen_roughness_texture, coat_texture, coat_roughness_texture, coat_normal_texture;
    float specular;
    Vec3 specular_color;
    float film, film_ior, film_nm[2];  // thickness where its texture is black, and white
    float passing;                     // diffuse transmission
    Vec3 passing_color;
    TextureUse specular_texture, specular_color_texture, film_texture, film_thickness_texture, passing_texture,
        passing_color_texture;
};

enum LightKind : int { kTriangleLight = 0, kPointLight = 1, kSpotLight = 2, kDirectionalLight = 3 };

// Vector code reads the first 20 numbers of eight lights at once: their order is fixed there.
struct Light {
    Vec3 position;    // spot, point, a triangle's first corner
    float area;       // of a triangle
    Vec3 edge_u;      // from a triangle's first corner to the second
    int kind;
    Vec3 edge_v;      // … to the third
    float spot_scale;
    Vec3 direction;   // where it shines to; geometric normal of triangles
    float spot_offset;  // attenuation = clamp(cosine · scale + offset)²
    Vec3 intensity;   // candela or lux; radiance of triangles that glow evenly
    float power;      // weight in sampling
    uint32_t triangle;  // of a kTriangleLight
    bool two_sided, textured;  // triangles: whether the back glows too; whether it glows unevenly, by place or direction
};

// A node of the tree over lights that have a place. Leaves hold one light. Vector code reads the first 12 numbers.
struct alignas(64) LightNode {
    Vec3 centre;         // of the bounding box
    float radius2;       // half its diagonal, squared
    Vec3 axis;           // mean direction of emission
    float power;
    float cos_spread, sin_spread;  // all normals within this of axis; cosine −1: any
    float sided;         // 1: both ways, 0: along the normals only
    uint32_t child;      // first of two siblings; kNone: leaf
    uint32_t light;      // of a leaf
};

struct Environment {
    const float* radiance;  // RGB rows; null: none
    int width, height;
    const float* rows;       // height + 1 cumulative weights, last = 1
    const float* columns;    // height × (width + 1), each row's last = 1
    float uneven;            // the share of its light above its mean: what directions are drawn by
};

// Everything a path reads. Pointers are owned by `TraceScene`.
struct SceneView {
    const EmbreeCalls* calls;
    RtcScene accelerator;
    const uint32_t* order[2];  // primitive → triangle per geometry, null: the same
    const Corner* corners;
    const float* colors;  // RGBA per corner, null: all ones
    const Triangle* triangles;
    const uint32_t* light_of_triangle;  // kNone; null: no triangle emits
    size_t triangle_count;
    const Material* materials;
    const Texture* textures;
    const float* srgb;  // 256 linear values
    const Light* lights;
    size_t light_count;
    const LightNode* tree;    // null: no light has a place
    const uint32_t* leaf_path;  // per light: its turns from the root, first in the lowest bit
    const uint32_t* distant;  // lights without a place
    size_t distant_count;
    float choose_environment, choose_distant;  // probabilities; the tree takes the rest
    Environment environment;
    bool has_plates;   // shadow rays must look for panes
    bool has_filters;  // some triangles have alpha
    float epsilon;     // relative length by which rays start off surfaces
};

// Where a path begins. With `triangle` == kNone a ray is shot from `origin`; otherwise the path starts on that
// triangle at barycentrics (u, v), seen along `direction` (towards the surface), and nothing is shot first.
struct PathStart {
    Vec3 origin, direction;
    uint32_t triangle;
    float u, v;
    uint32_t seed;   // of the pixel or texel: decorrelates Sobol sequences
    uint32_t index;  // of the sample within it
};

struct PathResult {
    Vec3 radiance;         // towards the start of the ray
    Vec3 albedo, normal;   // of the first surface that isn't mirror or glass; for the denoiser
    float distance;        // to the first surface; infinite: none
};

// Called at every surface that scatters beyond the first: may answer with the radiance that leaves it towards
// −direction without its own emission, and so end the path there. Must be thread-safe.
using GatherHook = bool (*)(void* user, uint32_t triangle, float u, float v, bool front, Vec3 direction, float distance,
                            Vec3* radiance);

constexpr int kFirstRoulette = 3;

struct PathSettings {
    int max_depth;        // 1: emission seen directly; 2: direct light; as Mitsuba counts
    GatherHook gather;    // null: none
    void* gather_user;
    int sobol_bounces;    // so many bounces take low-discrepancy samples, the rest hashed ones
    bool plain;           // shade one path at a time: the twin that the vector code is tested against
    bool white_start;     // the first surface scatters as a white diffuser and doesn't glow: irradiance / π comes back
    int first_roulette = kFirstRoulette;  // the scattering from which on Russian roulette is played
};

// A surface point as the shading sees it, for callers who do their own integration.
struct SurfaceQuery {
    uint32_t triangle;
    float u, v;
    Vec3 direction;  // towards the surface
};

struct SurfaceAnswer {
    Vec3 position, normal, shading_normal;  // normals on the side of the viewer
    Vec3 base_color, emission;              // emission towards the viewer
    float alpha, roughness, metallic;
};

constexpr size_t kPathBatch = 512;  // paths that advance together; trace_paths takes any number

// Radiance along many paths, single-threaded: callers spread batches over threads. Results depend on each start alone.
void trace_paths(const SceneView&, const PathSettings&, const PathStart*, size_t count, PathResult*);
void surface_points(const SceneView&, const SurfaceQuery*, size_t count, SurfaceAnswer*);

// Test access to the scattering functions. `directions` are pairs (towards the viewer, towards the light) in the local
// frame with z the normal; `values` gets f · cos (RGB) and the sampling density, 4 floats each. Sampling writes the
// direction chosen from three random numbers (lobe, u, v), its weight f · cos / pdf and the density: 7 floats each.
struct BsdfQuery {
    int kind;
    Vec3 base_color;
    float roughness, metallic, eta, transmission;
    bool inside;
    bool wide;  // by the code for eight at a time; opaque kinds only
    float grain, coat, coat_roughness, sheen_roughness;  // of kLayered
    Vec3 sheen, coat_normal;
    float specular, film, film_ior, film_nm, passing;
    Vec3 specular_color, passing_color;
};
void bsdf_values(const BsdfQuery&, const float* directions, size_t count, float* values);
void bsdf_samples(const BsdfQuery&, Vec3 viewer, const float* uniforms, size_t count, float* samples);
// Light that arrives straight from lights at points with normals, one sample each: for tests and for bakes of
// irradiance. `out` gets irradiance estimates (RGB).
void sample_irradiance(const SceneView&, const float* points, const float* normals, const uint32_t* seeds,
                       uint32_t index, size_t count, float* out);

struct CameraView {
    Vec3 right, up, backward, position;
    float half_height, half_width;  // of the image plane at distance 1
    float near;
    int width, height;
};

struct RenderJob {
    CameraView camera;
    PathSettings settings;
    int left, top, width, height;  // of the part wanted
    uint32_t samples, first_sample, seed;
};

constexpr int kPixelFloats = 10;  // radiance, albedo, normal (sums over samples), sum of squares of grey radiance

// One row of the wanted part, `row` counted from its top; `out` has kPixelFloats per pixel. Single-threaded.
void render_row(const SceneView&, const RenderJob&, int row, float* out);

// Box-filtered: sample (i, j) of side × side cells of the pixel, through cell centres. 4 floats per pixel: RGB and
// coverage, for one row of the wanted part. Deterministic; what a viewer shows of unlit materials, with mip-mapped textures.
void viewer_row(const SceneView&, const CameraView&, int side, int left, int top, int width, int row, float* out);

// What lights a preview: a map as it is, the same blurred for roughness (i + 1) / levels, and its irradiance.
struct PreviewLight {
    Vec3 harmonics[9];  // of the irradiance over π, constants multiplied in
    const float* sharp;  // RGB rows, as an Environment's
    int sharp_width, sharp_height;
    const float* blurred;  // levels × height × width × RGB
    int width, height, levels;
    const uint32_t* punctual;  // which of the scene's lights have no surface
    size_t punctual_count;
};

// As viewer_row, with lit surfaces lit by tables and punctual lights, without shadows.
void preview_row(const SceneView&, const PreviewLight&, const CameraView&, int side, int left, int top, int width, int row,
                 float* out);
// The same of `count` pixels, (x, y) of each in `places`.
void preview_pixels(const SceneView&, const PreviewLight&, const CameraView&, int side, const int32_t* places, size_t count,
                    float* out);

// What rays meet first: distance, and triangle or −1.
void first_triangles(const SceneView&, const float* origins, const float* directions, size_t count, float* distances,
                     int32_t* triangles);

// The first points of the sampler, pairs in [0, 1)², for tests.
void sobol_points(uint32_t seed, uint32_t pair, size_t count, float* out);

// Owner of a scene. Built once, then read by any number of threads.
class TraceScene {
public:
    struct Parts;  // trace_scene.cpp
    explicit TraceScene(std::unique_ptr<Parts> parts);
    ~TraceScene();
    const SceneView& view() const { return view_; }

private:
    friend struct SceneBuilder;
    std::unique_ptr<Parts> parts_;
    SceneView view_;
};

}  // namespace nightproof
