"""A lit GLB as three.js shows it under one of our environments: radiance, unclipped, from headless Chromium.

GLTFLoader with the decoders of Draco, meshopt and KTX2 that three.js brings; MeshPhysicalMaterial; the environment as
a prefiltered map (PMREM) and as the background; punctual lights; no tone curve. Drawn into a buffer of floats.
"""

from __future__ import annotations

import json

import numpy as np

from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import Environment
from threejs_view import ask, averaged, view_of

MAP_WIDTH = 1024
"""Of the map that three.js gets: its prefiltered cube has a quarter of that as side, and mirrors show that."""
PAGE = """<!doctype html><script type="importmap">{"imports": {"three": "/node_modules/three/build/three.module.js",
"three/addons/": "/node_modules/three/examples/jsm/"}}</script><script type="module">
const report = (body) => fetch('/result', {method: 'POST', body});
try {
  const THREE = await import('three');
  const addon = async (path, name) => (await import('three/addons/' + path))[name];
  const GLTFLoader = await addon('loaders/GLTFLoader.js', 'GLTFLoader');
  const DRACOLoader = await addon('loaders/DRACOLoader.js', 'DRACOLoader');
  const KTX2Loader = await addon('loaders/KTX2Loader.js', 'KTX2Loader');
  const MeshoptDecoder = await addon('libs/meshopt_decoder.module.js', 'MeshoptDecoder');
  const view = await (await fetch('/view.json')).json();
  const renderer = new THREE.WebGLRenderer({antialias: false});
  renderer.toneMapping = THREE.NoToneMapping;
  renderer.setSize(view.width, view.height);
  const libs = '/node_modules/three/examples/jsm/libs/';
  const loader = new GLTFLoader().setMeshoptDecoder(MeshoptDecoder)
    .setDRACOLoader(new DRACOLoader().setDecoderPath(libs + 'draco/gltf/'))
    .setKTX2Loader(new KTX2Loader().setTranscoderPath(libs + 'basis/').detectSupport(renderer));
  const scene = new THREE.Scene();
  const gltf = await loader.loadAsync('/asset.glb');
  scene.add(gltf.scene);
  gltf.scene.traverse((node) => {
    for (const material of [node.material].flat().filter(Boolean)) {
      for (const value of Object.values(material)) if (value?.isTexture) value.anisotropy = 16;
      material.aoMap = null;
    }
  });
  scene.background = new THREE.Color(0, 0, 0);
  if (view.map) {
    const texels = new Float32Array(await (await fetch('/environment')).arrayBuffer());
    const map = new THREE.DataTexture(Uint16Array.from(texels, THREE.DataUtils.toHalfFloat), view.map[0], view.map[1],
      THREE.RGBAFormat, THREE.HalfFloatType);
    map.mapping = THREE.EquirectangularReflectionMapping;
    map.minFilter = map.magFilter = THREE.LinearFilter;
    map.needsUpdate = true;
    scene.background = map;
    scene.environment = new THREE.PMREMGenerator(renderer).fromEquirectangular(map).texture;
  }
  const camera = new THREE.PerspectiveCamera(view.fov, view.width / view.height, view.near, view.far);
  camera.matrix.fromArray(view.matrix);
  camera.matrix.decompose(camera.position, camera.quaternion, camera.scale);
  const target = new THREE.WebGLRenderTarget(view.width, view.height, {type: THREE.FloatType, samples: 0});
  renderer.setRenderTarget(target);
  for (let i = 0; i < 2; i++) renderer.render(scene, camera);
  const pixels = new Float32Array(4 * view.width * view.height);
  renderer.readRenderTargetPixels(target, 0, 0, view.width, view.height, pixels);
  await report(pixels.buffer);
} catch (error) { report('error: ' + error + error.stack); }
</script>"""


def show_lit(
    glb: bytes,
    camera: Camera,
    environment: Environment | None,
    *,
    far_m: float,
    supersample: int = 2,
    timeout_s: float = 180,
) -> np.ndarray:
    """Radiance, (h, w, 3). `far_m`: how far the scene reaches from the camera. Ambient occlusion maps are left out.

    Raises `ViewFailed`.
    """
    near_m = max(camera.near_m, far_m * 1e-4)
    view = view_of(camera, supersample) | {"near": near_m, "far": far_m, "map": None}
    files = {"/page.html": PAGE.encode(), "/asset.glb": glb}
    if environment is not None:
        texels = equirectangular(environment.radiance)
        view["map"] = texels.shape[1::-1]
        files["/environment"] = texels.tobytes()
    files["/view.json"] = json.dumps(view).encode()
    answer = ask(files, timeout_s)
    fine = np.frombuffer(answer, np.float32).reshape(view["height"], view["width"], 4)[::-1, :, :3]
    return averaged(fine.astype(np.float64), camera, supersample)


def equirectangular(radiance: np.ndarray) -> np.ndarray:
    """Our map as three.js wants it: finer, RGBA, rows from below, its centre towards +X where ours looks along -Z."""
    height, width = radiance.shape[:2]
    times = max(1, MAP_WIDTH // width)
    x = (np.arange(width * times) + 0.5) / times - 0.5
    y = np.clip((np.arange(height * times) + 0.5) / times - 0.5, 0, height - 1)
    columns, rows = np.floor(x).astype(int), np.minimum(np.floor(y).astype(int), max(height - 2, 0))
    right, down = (x - columns)[None, :, None], (y - rows)[:, None, None]
    wide = radiance[:, columns % width] * (1 - right) + radiance[:, (columns + 1) % width] * right
    fine = wide[rows] * (1 - down) + wide[np.minimum(rows + 1, height - 1)] * down
    turned = np.roll(fine, -fine.shape[1] // 4, axis=1)[::-1]
    return np.concatenate([turned, np.ones((*turned.shape[:2], 1))], axis=2).astype(np.float32)
