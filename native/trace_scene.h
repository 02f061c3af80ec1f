// The parts that a TraceScene owns, and how they are made. Used by native/trace_*.cpp only.
#pragma once
#include <nanobind/nanobind.h>

#include <memory>
#include <string>
#include <vector>

#include "tracer.h"

namespace nightproof {

// What a texture's levels point into: the array of the largest, in place, and the smaller ones.
struct TextureMemory {
    nanobind::object pixels;
    std::vector<std::vector<uint8_t>> bytes;
    std::vector<std::vector<float>> floats;
};

struct TraceScene::Parts {
    std::vector<Corner> corners;
    std::vector<float> colors;
    std::vector<Triangle> triangles;
    std::vector<Material> materials;
    std::vector<Texture> textures;
    std::vector<TextureMemory> texture_memory;  // of each texture
    std::vector<nanobind::object> borrowed;  // arrays whose memory is used in place
    std::vector<float> srgb;
    std::vector<Light> lights;
    std::vector<uint32_t> light_of_triangle, leaf_path, distant;
    std::vector<LightNode> tree;
    std::vector<float> rows, columns;
    Environment environment{};
    bool emitters = true;  // whether glowing triangles become lights
    std::unique_ptr<TriangleScene> accelerator;
};

// trace_lights.cpp: finds the glowing triangles, hangs every light that has a place into the tree, and weighs the
// groups against each other. Needs triangles, materials, textures and punctual lights in place.
void arrange_lights(TraceScene::Parts& parts, SceneView& view);
// Cumulative weights of the environment map, exact for its bilinear interpolation.
void weigh_environment(TraceScene::Parts& parts);
// trace_mips.cpp: the smaller levels of a texture whose level 0 is set. `srgb`: linear light of each byte.
void add_levels(const std::vector<float>& srgb, Texture& texture, TextureMemory& memory);

}  // namespace nightproof
