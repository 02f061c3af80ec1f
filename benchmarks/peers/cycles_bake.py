"""Bake a lightmap with Cycles. Run by the Python that has `bpy` (see bpy_venv.sh), never imported.

    $NIGHTPROOF_BPY_PYTHON benchmarks/peers/cycles_bake.py scene.npz lightmap.npy --samples 16 --size 512

scene.npz holds arrays: positions (v, 3), triangles (t, 3), uv (v, 2) of the lightmap with v = 0 at the top,
triangle_material (t,), albedo (m, 3), emission (m, 3). Surfaces are Lambertian. Writes irradiance / π, direct and
indirect without the surface's own colour (DIFFUSE bake), as (size, size, 3) float32 with row 0 at the top, and
prints one JSON object with the CPU-seconds of the bake alone.
Blender's emission is two-sided; emitters must be closed off behind for means to be comparable.
"""

import argparse
import json
import time

import bpy
import numpy as np


def material(index, albedo, emission, image):
    made = bpy.data.materials.new(f"m{index}")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    nodes.clear()
    output = nodes.new("ShaderNodeOutputMaterial")
    diffuse = nodes.new("ShaderNodeBsdfDiffuse")
    diffuse.inputs["Color"].default_value = (*map(float, albedo), 1)
    surface = diffuse.outputs[0]
    if max(emission) > 0:
        glow, both = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeAddShader")
        glow.inputs["Color"].default_value = (*map(float, emission), 1)
        links.new(surface, both.inputs[0])
        links.new(glow.outputs[0], both.inputs[1])
        surface = both.outputs[0]
    links.new(surface, output.inputs["Surface"])
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scene")
    parser.add_argument("lightmap")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--bounces", type=int, default=4, help="diffuse bounces after direct light")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("black")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = "FIXED", given.threads
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", given.samples, given.seed
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.max_bounces = cycles.diffuse_bounces = given.bounces
    cycles.sample_clamp_indirect = cycles.sample_clamp_direct = 0
    image = bpy.data.images.new("lightmap", given.size, given.size, alpha=True, float_buffer=True)
    build(np.load(given.scene), image)
    started_s = time.process_time()
    bpy.ops.object.bake(type="DIFFUSE", pass_filter={"DIRECT", "INDIRECT"}, margin=0, use_clear=True)
    cpu_seconds = time.process_time() - started_s
    pixels = np.empty(given.size * given.size * 4, np.float32)
    image.pixels.foreach_get(pixels)
    np.save(given.lightmap, pixels.reshape(given.size, given.size, 4)[::-1, :, :3])
    print(json.dumps({"cpu_seconds": cpu_seconds, "samples": given.samples, "blender": bpy.app.version_string}))


if __name__ == "__main__":
    main()
