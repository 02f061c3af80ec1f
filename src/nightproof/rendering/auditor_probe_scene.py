"""A tiny scene with all that has been seen to break: principled lobes, textures, alpha, an environment, a light."""

from __future__ import annotations

import numpy as np

from nightproof.scenes.camera import Camera, look_at
from nightproof.scenes.flat import Environment, FlatScene, Instance, Material, PunctualLight, Texture, TextureUse


def scene() -> FlatScene:
    """Two crossed quads, one of them with a cut-out texture."""
    floor = [(-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1)]
    wall = [(-1, 0, -1), (1, 0, -1), (1, 2, -1), (-1, 2, -1)]
    normals = [(0, 1, 0)] * 4 + [(0, 0, 1)] * 4
    corners = np.array([(0, 1), (1, 1), (1, 0), (0, 0)] * 2, np.float32)
    triangles = np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)], np.uint32)
    pixels = np.full((4, 4, 4), 200, np.uint8)
    pixels[1, 1, 3] = 0
    return FlatScene(
        positions=np.array(floor + wall, np.float32),
        normals=np.array(normals, np.float32),
        tangents=np.tile(np.array([1, 0, 0, 1], np.float32), (8, 1)),
        uv0=corners,
        uv1=corners,
        colors=np.ones((8, 4), np.float32),
        triangles=triangles,
        triangle_material=np.array([0, 0, 1, 1], np.uint32),
        triangle_instance=np.zeros(4, np.uint32),
        instances=(Instance(0, 0, 0, 0, 4, 0, 8, 0, np.eye(4)),),
        materials=(
            Material(name="floor", metallic=0.5, roughness=0.4),
            Material(name="wall", base_color_texture=TextureUse(0), metallic=0.0, alpha_mode="MASK"),
        ),
        textures=(Texture(pixels, srgb=True),),
        lights=(PunctualLight("point", (1.0, 1.0, 1.0), 3.0, position_m=(0.0, 1.5, 1.0)),),
        environment=Environment(np.full((4, 8, 3), 0.2, np.float32)),
    )


def camera() -> Camera:
    return look_at(np.array([0.3, 1.2, 4.0]), np.array([0.0, 0.8, 0.0]), yfov_rad=0.8, width_px=16, height_px=16)
