"""Bake a lightmap with Cycles. Run by the Python that has `bpy` (see bpy_venv.sh), never imported.

    $NIGHTPROOF_BPY_PYTHON benchmarks/peers/cycles_bake.py scene.npz folder --samples 4 16 64

scene.npz holds arrays: positions (v, 3), triangles (t, 3), uv (v, 2) of the lightmap with v = 0 at the top (−1: not in
it), triangle_material (t,), albedo (m, 3), emission (m, 3), and if wanted point_position (n, 3), point_intensity (n, 3)
in W/sr, sky (3,) and size (width, height). Surfaces are Lambertian. For each number of samples N, `folder/N.npy` gets
irradiance / π, direct and indirect without the surface's own colour (DIFFUSE bake), as (h, w, 4) float32 with row 0 at
the top; the last channel is 1 where a texel was baked. Prints one JSON object: CPU-seconds of the bakes alone.

Blender's emission is two-sided: emitters must be closed off behind for means to be comparable. Their lights are
sampled on the front only, which spares Cycles half of its shadow rays there.
"""

import argparse
import json
import time
from pathlib import Path

import bpy
import numpy as np


def material(index, albedo, emission, image):
    made = bpy.data.materials.new(f"m{index}")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    nodes.clear()
    output = nodes.new("ShaderNodeOutputMaterial")
    if max(emission) > 0:
        glow = nodes.new("ShaderNodeEmission")
        glow.inputs["Color"].default_value = (*map(float, emission), 1)
        links.new(glow.outputs[0], output.inputs["Surface"])
        made.cycles.emission_sampling = "FRONT"
    else:
        diffuse = nodes.new("ShaderNodeBsdfDiffuse")
        diffuse.inputs["Color"].default_value = (*map(float, albedo), 1)
        links.new(diffuse.outputs[0], output.inputs["Surface"])
    target = nodes.new("ShaderNodeTexImage")
    target.image = image
    nodes.active = target
    return made


def build(arrays, image):
    mesh = bpy.data.meshes.new("scene")
    triangles = arrays["triangles"].astype(int)
    mesh.from_pydata(arrays["positions"].astype(float).tolist(), [], triangles.tolist())
    layer = mesh.uv_layers.new(name="lightmap")
    corners = arrays["uv"][triangles.ravel()].astype(np.float32).copy()
    corners[:, 1] = 1 - corners[:, 1]  # Blender's v points up
    layer.data.foreach_set("uv", corners.ravel())
    for index, (albedo, emission) in enumerate(zip(arrays["albedo"], arrays["emission"], strict=True)):
        mesh.materials.append(material(index, albedo, emission, image))
    mesh.polygons.foreach_set("material_index", arrays["triangle_material"].astype(np.int32))
    mesh.update()
    thing = bpy.data.objects.new("scene", mesh)
    bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = thing
    thing.select_set(True)


def add_point(position, intensity):
    light = bpy.data.lights.new("point", "POINT")
    strength = float(max(intensity))
    light.energy, light.color = 4 * np.pi * strength, [float(c) / strength for c in intensity]
    light.shadow_soft_size = 0
    thing = bpy.data.objects.new("point", light)
    thing.location = tuple(map(float, position))
    bpy.context.scene.collection.objects.link(thing)


def world(sky):
    made = bpy.data.worlds.new("sky")
    made.use_nodes = True
    background = made.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*map(float, sky), 1)
    background.inputs["Strength"].default_value = 1
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scene", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, nargs="+", default=[16])
    parser.add_argument("--bounces", type=int, default=4, help="diffuse bounces after direct light")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    arrays = dict(np.load(given.scene))
    scene.world = world(arrays.get("sky", np.zeros(3)))
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = "FIXED", given.threads
    cycles = scene.cycles
    cycles.device, cycles.seed = "CPU", given.seed
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.max_bounces = cycles.diffuse_bounces = given.bounces
    cycles.sample_clamp_indirect = cycles.sample_clamp_direct = 0
    width, height = (int(s) for s in arrays.get("size", (512, 512)))
    image = bpy.data.images.new("lightmap", width, height, alpha=True, float_buffer=True)
    build(arrays, image)
    for position, intensity in zip(arrays.get("point_position", ()), arrays.get("point_intensity", ()), strict=True):
        add_point(position, intensity)
    # The first bake pays for what a process needs once: kernels, tables, threads.
    spent = {}
    for samples in [1, *given.samples]:
        cycles.samples = samples
        started_s = time.process_time()
        bpy.ops.object.bake(type="DIFFUSE", pass_filter={"DIRECT", "INDIRECT"}, margin=0, use_clear=True)
        spent[samples] = time.process_time() - started_s
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
        np.save(given.folder / f"{samples}.npy", pixels.reshape(height, width, 4)[::-1])
    print(json.dumps({"cpu_seconds": [spent[n] for n in given.samples], "blender": bpy.app.version_string}))


if __name__ == "__main__":
    main()
