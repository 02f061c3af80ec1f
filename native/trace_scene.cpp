// Builds a TraceScene from what `rendering/tracer.py` hands over. Indices are checked there.
#include "trace_scene.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace nb = nanobind;

namespace nightproof {
namespace {

using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const uint8_t, nb::c_contig, nb::device::cpu>;
using Indices = nb::ndarray<const uint32_t, nb::c_contig, nb::device::cpu>;

Floats floats(const nb::dict& d, const char* key) { return nb::cast<Floats>(d[key]); }
float number(const nb::dict& d, const char* key) { return nb::cast<float>(d[key]); }
int integer(const nb::dict& d, const char* key) { return nb::cast<int>(d[key]); }

Vec3 triple(const nb::object& o) {
    return {nb::cast<float>(o[0]), nb::cast<float>(o[1]), nb::cast<float>(o[2])};
}

// (texture, texcoord, six numbers of the transform, scale), or None.
TextureUse use_of(const nb::object& o) {
    TextureUse use{};
    use.texture = -1;
    if (o.is_none()) return use;
    use.texture = nb::cast<int>(o[0]);
    use.texcoord = nb::cast<int>(o[1]);
    for (int i = 0; i < 6; ++i) use.transform[i] = nb::cast<float>(o[2][i]);
    use.scale = nb::cast<float>(o[3]);
    return use;
}

Material material_of(const nb::dict& d) {
    Material m{};
    m.kind = integer(d, "kind");
    m.alpha_mode = integer(d, "alpha_mode");
    for (int i = 0; i < 4; ++i) m.base_color[i] = nb::cast<float>(d["base_color"][i]);
    m.metallic = number(d, "metallic");
    m.roughness = number(d, "roughness");
    m.eta = number(d, "eta");
    m.transmission = number(d, "transmission");
    m.alpha_cutoff = number(d, "alpha_cutoff");
    m.emissive = triple(d["emissive"]);
    m.extinction = triple(d["extinction"]);
    m.spread = number(d, "spread");
    m.double_sided = nb::cast<bool>(d["double_sided"]);
    m.base_texture = use_of(d["base_texture"]);
    m.metal_rough_texture = use_of(d["metal_rough_texture"]);
    m.normal_texture = use_of(d["normal_texture"]);
    m.textured = m.base_texture.texture >= 0 || m.metal_rough_texture.texture >= 0 || m.normal_texture.texture >= 0;
    m.emissive_texture = use_of(d["emissive_texture"]);
    m.transmission_texture = use_of(d["transmission_texture"]);
    for (int i = 0; i < 3; ++i) m.sh_texture[i] = use_of(d["sh_textures"][i]);
    m.sh_scale = number(d, "sh_scale");
    m.lightmap_texture = use_of(d["lightmap"]);
    m.lightmap_intensity = number(d, "lightmap_intensity");
    m.grain = number(d, "grain");
    for (int i = 0; i < 2; ++i) m.grain_turn[i] = nb::cast<float>(d["grain_turn"][i]);
    m.sheen = triple(d["sheen"]);
    m.sheen_roughness = number(d, "sheen_roughness");
    m.coat = number(d, "coat");
    m.coat_roughness = number(d, "coat_roughness");
    m.grain_texture = use_of(d["grain_texture"]);
    m.sheen_texture = use_of(d["sheen_texture"]);
    m.sheen_roughness_texture = use_of(d["sheen_roughness_texture"]);
    m.coat_texture = use_of(d["coat_texture"]);
    m.coat_roughness_texture = use_of(d["coat_roughness_texture"]);
    m.coat_normal_texture = use_of(d["coat_normal_texture"]);
    m.specular = number(d, "specular");
    m.specular_color = triple(d["specular_color"]);
    m.film = number(d, "film");
    m.film_ior = number(d, "film_ior");
    for (int i = 0; i < 2; ++i) m.film_nm[i] = nb::cast<float>(d["film_nm"][i]);
    m.passing = number(d, "passing");
    m.passing_color = triple(d["passing_color"]);
    m.specular_texture = use_of(d["specular_texture"]);
    m.specular_color_texture = use_of(d["specular_color_texture"]);
    m.film_texture = use_of(d["film_texture"]);
    m.film_thickness_texture = use_of(d["film_thickness_texture"]);
    m.passing_texture = use_of(d["passing_texture"]);
    m.passing_color_texture = use_of(d["passing_color_texture"]);
    return m;
}

Light light_of(const nb::dict& d) {
    Light light{};
    light.kind = integer(d, "kind");
    light.position = triple(d["position"]);
    light.direction = triple(d["direction"]);
    light.intensity = triple(d["intensity"]);
    light.spot_scale = number(d, "spot_scale");
    light.spot_offset = number(d, "spot_offset");
    // A triangle of radiance L and area A sends L · A along its normal; candela are comparable.
    light.power = std::max(light.intensity.x, std::max(light.intensity.y, light.intensity.z));
    return light;
}

Texture texture_of(const nb::dict& d, const std::vector<float>& srgb, TextureMemory& memory) {
    Texture texture{};
    texture.wrap_u = integer(d, "wrap_u");
    texture.wrap_v = integer(d, "wrap_v");
    texture.srgb = nb::cast<bool>(d["srgb"]);
    texture.nearest = nb::cast<bool>(d["nearest"]);
    const nb::object pixels = d["pixels"];
    Bytes bytes;
    if (nb::try_cast(pixels, bytes, false)) {
        texture.level[0] = {bytes.data(), nullptr, int(bytes.shape(1)), int(bytes.shape(0))};
    } else {
        const Floats values = nb::cast<Floats>(pixels);
        texture.level[0] = {nullptr, values.data(), int(values.shape(1)), int(values.shape(0))};
    }
    memory.pixels = pixels;
    add_levels(srgb, texture, memory);
    return texture;
}

void add_corners(TraceScene::Parts& parts, const nb::dict& d) {
    const Floats positions = floats(d, "positions"), normals = floats(d, "normals"), tangents = floats(d, "tangents"),
                 uv0 = floats(d, "uv0"), uv1 = floats(d, "uv1");
    parts.corners.resize(positions.shape(0));
    for (size_t i = 0; i < parts.corners.size(); ++i) {
        Corner& corner = parts.corners[i];
        std::memcpy(&corner.position, positions.data() + 3 * i, 12);
        std::memcpy(&corner.normal, normals.data() + 3 * i, 12);
        std::memcpy(corner.tangent, tangents.data() + 4 * i, 16);
        std::memcpy(corner.uv[0], uv0.data() + 2 * i, 8);
        std::memcpy(corner.uv[1], uv1.data() + 2 * i, 8);
    }
    if (!d["colors"].is_none()) {
        const Floats colors = floats(d, "colors");
        parts.colors.assign(colors.data(), colors.data() + colors.size());
    }
}

float scene_epsilon(const TraceScene::Parts& parts) {
    float most = 0;
    Vec3 lower{HUGE_VALF, HUGE_VALF, HUGE_VALF}, upper{-HUGE_VALF, -HUGE_VALF, -HUGE_VALF};
    for (const Triangle& triangle : parts.triangles)
        for (uint32_t c : triangle.corner) {
            const Vec3 p = parts.corners[c].position;
            if (!std::isfinite(p.x + p.y + p.z)) continue;
            lower = {std::min(lower.x, p.x), std::min(lower.y, p.y), std::min(lower.z, p.z)};
            upper = {std::max(upper.x, p.x), std::max(upper.y, p.y), std::max(upper.z, p.z)};
        }
    most = std::max(upper.x - lower.x, std::max(upper.y - lower.y, upper.z - lower.z));
    return std::isfinite(most) && most > 0 ? 1e-6f * most : 1e-9f;
}

}  // namespace

// A texture that no scene holds, or the one that a scene gave up for it.
struct HeldTexture {
    Texture texture;
    TextureMemory memory;
};

struct SceneBuilder {
    static TraceScene* build(const std::string& library, const nb::dict& d);
    static HeldTexture* held_texture(const TraceScene& scene, const nb::dict& d);
    static void swap_texture(TraceScene& scene, size_t index, HeldTexture& held);
};

TraceScene::TraceScene(std::unique_ptr<Parts> parts) : parts_(std::move(parts)), view_{} {}
TraceScene::~TraceScene() = default;

TraceScene* SceneBuilder::build(const std::string& library, const nb::dict& d) {
    const EmbreeCalls& calls = embree(library.c_str());
    auto owned = std::make_unique<TraceScene>(std::make_unique<TraceScene::Parts>());
    TraceScene::Parts& parts = *owned->parts_;
    SceneView& view = owned->view_;
    const Floats srgb = floats(d, "srgb");
    parts.srgb.assign(srgb.data(), srgb.data() + srgb.size());
    add_corners(parts, d);
    for (nb::handle texture : nb::cast<nb::list>(d["textures"])) {
        parts.texture_memory.emplace_back();
        parts.textures.push_back(texture_of(nb::cast<nb::dict>(texture), parts.srgb, parts.texture_memory.back()));
    }
    for (nb::handle material : nb::cast<nb::list>(d["materials"]))
        parts.materials.push_back(material_of(nb::cast<nb::dict>(material)));
    parts.emitters = nb::cast<bool>(d["emitters"]);
    for (nb::handle light : nb::cast<nb::list>(d["lights"])) parts.lights.push_back(light_of(nb::cast<nb::dict>(light)));
    if (!d["environment"].is_none()) {
        const Floats map = floats(d, "environment");
        parts.environment = {map.data(), int(map.shape(1)), int(map.shape(0)), nullptr, nullptr, 0};
        parts.borrowed.push_back(d["environment"]);
        weigh_environment(parts);
    }

    const Indices triangles = nb::cast<Indices>(d["triangles"]), material = nb::cast<Indices>(d["triangle_material"]);
    const size_t count = triangles.shape(0);
    parts.triangles.resize(count);
    std::vector<uint8_t> filtered(count, 0);
    for (size_t i = 0; i < count; ++i) {
        std::memcpy(parts.triangles[i].corner, triangles.data() + 3 * i, 12);
        parts.triangles[i].material = material.data()[i];
        const Material& m = parts.materials[material.data()[i]];
        filtered[i] = m.alpha_mode != kOpaque;
        view.has_filters = view.has_filters || filtered[i];
        view.has_plates = view.has_plates || m.kind == kPlate;
    }
    const Floats positions = floats(d, "positions");
    parts.accelerator = std::make_unique<TriangleScene>(calls, positions.data(), positions.shape(0), triangles.data(),
                                                        count, view.has_filters ? filtered.data() : nullptr, &view, 0,
                                                        nb::cast<bool>(d["few_rays"]) ? kRtcQualityMedium : kRtcQualityHigh);
    view.calls = &calls;
    view.accelerator = parts.accelerator->handle();
    view.order[0] = parts.accelerator->order(0);
    view.order[1] = parts.accelerator->order(1);
    view.corners = parts.corners.data();
    view.colors = parts.colors.empty() ? nullptr : parts.colors.data();
    view.triangles = parts.triangles.data();
    view.triangle_count = count;
    view.materials = parts.materials.data();
    view.textures = parts.textures.data();
    view.srgb = parts.srgb.data();
    view.environment = parts.environment;
    view.epsilon = scene_epsilon(parts);
    arrange_lights(parts, view);
    return owned.release();
}

// Not while the scene is being looked at. Lights would stay as they were weighed: only for scenes whose surfaces light nothing.
HeldTexture* SceneBuilder::held_texture(const TraceScene& scene, const nb::dict& d) {
    auto held = std::make_unique<HeldTexture>();
    held->texture = texture_of(d, scene.parts_->srgb, held->memory);
    return held.release();
}

void SceneBuilder::swap_texture(TraceScene& scene, size_t index, HeldTexture& held) {
    TraceScene::Parts& parts = *scene.parts_;
    if (index >= parts.textures.size() || parts.emitters) throw nb::value_error("no such texture, or its surface lights others");
    std::swap(parts.textures[index], held.texture);
    std::swap(parts.texture_memory[index], held.memory);
}

}  // namespace nightproof

void bind_trace_scene(nb::module_& m) {
    using nightproof::HeldTexture;
    using nightproof::SceneBuilder;
    using nightproof::TraceScene;
    nb::class_<TraceScene>(m, "TraceScene", "A scene held for tracing; see nightproof.rendering.tracer.");
    m.def("make_trace_scene",
          [](const std::string& library, const nb::dict& parts) { return SceneBuilder::build(library, parts); },
          nb::rv_policy::take_ownership);
    nb::class_<HeldTexture>(m, "HeldTexture", "A texture with its mip maps, for a scene to wear in place of one of its own.");
    m.def("held_texture", &SceneBuilder::held_texture, nb::arg("scene"), nb::arg("texture"), nb::rv_policy::take_ownership);
    m.def("swap_texture", &SceneBuilder::swap_texture, nb::arg("scene"), nb::arg("index"), nb::arg("held"));
}
