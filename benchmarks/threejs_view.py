"""A GLB as three.js shows it: rendered by the real GLTFLoader in headless Chromium, without a network.

    python benchmarks/threejs_view.py asset.glb picture.png --position 0 1 4 --target 0 1 0

Our plugins for outputs B and C (nightproof-three.js) are registered, unless `plugins` brings others.
three.js is fetched once by npm into build/threejs, which git ignores. Chromium and npm must be installed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from io import BytesIO
from pathlib import Path
from queue import Empty, Queue

import numpy as np
from PIL import Image

from nightproof.scenes.camera import Camera, look_at

THREE = "three@0.187"
CACHE = Path(__file__).parents[1] / "build" / "threejs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip
PAGE = """<!doctype html><script type="importmap">{"imports": {"three": "/node_modules/three/build/three.module.js",
"three/addons/": "/node_modules/three/examples/jsm/"}}</script><script type="module">
const report = (body) => fetch('/result', {method: 'POST', body});
try {
  const THREE = await import('three');
  const {GLTFLoader} = await import('three/addons/loaders/GLTFLoader.js');
  const view = await (await fetch('/view.json')).json();
  const renderer = new THREE.WebGLRenderer({antialias: false, preserveDrawingBuffer: true});
  renderer.setPixelRatio(1);
  renderer.setSize(view.width, view.height);
  const camera = new THREE.PerspectiveCamera(view.fov, view.width / view.height, 0.01, 1000);
  camera.matrix.fromArray(view.matrix);
  camera.matrix.decompose(camera.position, camera.quaternion, camera.scale);
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(0, 0, 0);
  const {MeshoptDecoder} = await import('three/addons/libs/meshopt_decoder.module.js');
  const loader = new GLTFLoader().setMeshoptDecoder(MeshoptDecoder);
  for (const Plugin of Object.values(await import('/plugins.js'))) loader.register((parser) => new Plugin(parser));
  scene.add((await loader.loadAsync('/asset.glb')).scene);
  renderer.render(scene, camera);
  renderer.domElement.toBlob(report, 'image/png');
} catch (error) { report('error: ' + error); }
</script>"""


class ViewFailed(Exception):
    """three.js showed nothing."""


def available() -> bool:
    """Whether Chromium and npm are installed."""
    return any(map(shutil.which, BROWSERS)) and shutil.which("npm") is not None


def install() -> Path:
    """The folder that holds node_modules/three; fetched on first use."""
    if not (CACHE / "node_modules" / "three" / "build").is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(CACHE), THREE]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
    return CACHE


def show(
    glb: bytes, camera: Camera, *, supersample: int = 1, plugins: bytes | None = None, timeout_s: float = 60
) -> np.ndarray:
    """What three.js shows: (h, w, 3) floats in [0, 1], linear light, `supersample`² points averaged per pixel.

    `plugins`: a module whose exports are plugins for GLTFLoader; b"" for a loader without any.
    """
    view = view_of(camera, supersample)
    ours = Path(str(resources.files("nightproof.pipelines.baking"))) / "threejs" / "nightproof-three.js"
    files = {
        "/page.html": PAGE.encode(),
        "/view.json": json.dumps(view).encode(),
        "/asset.glb": glb,
        "/plugins.js": ours.read_bytes() if plugins is None else plugins,
    }
    answer = ask(files, timeout_s)
    encoded = np.asarray(Image.open(BytesIO(answer)).convert("RGB"), np.float64) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return averaged(linear, camera, supersample)


def view_of(camera: Camera, supersample: int) -> dict[str, object]:
    """A camera as the pages take it."""
    return {
        "width": camera.width_px * supersample,
        "height": camera.height_px * supersample,
        "fov": float(np.degrees(camera.yfov_rad)),
        "matrix": np.asarray(camera.camera_to_world).T.ravel().tolist(),
    }


def averaged(fine: np.ndarray, camera: Camera, supersample: int) -> np.ndarray:
    """(h · s, w · s, 3) as (h, w, 3)."""
    shape = (camera.height_px, supersample, camera.width_px, supersample, 3)
    return fine.reshape(shape).mean(axis=(1, 3))


def ask(files: dict[str, bytes], timeout_s: float) -> bytes:
    """What /page.html of `files` posts to /result. Other paths are looked up beside node_modules.

    Raises `ViewFailed` if it posts an error, or nothing in time.
    """
    answers: Queue[bytes] = Queue()
    handler = partial(_Handler, files, answers, directory=str(install()))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = next(filter(None, map(shutil.which, BROWSERS)))
        address = f"http://127.0.0.1:{server.server_port}/page.html"
        child = subprocess.Popen(
            [browser, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", address],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            answer = answers.get(timeout=timeout_s)
        except Empty:
            raise ViewFailed(f"no picture within {timeout_s:.0f} s") from None
        finally:
            child.terminate()
            child.wait(timeout=10)
            server.shutdown()
    if answer.startswith(b"error"):
        raise ViewFailed(answer.decode(errors="replace"))
    return answer


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".wasm": "application/wasm"}

    def __init__(self, files: dict[str, bytes], answers: Queue[bytes], *args: object, **options: object) -> None:
        self._files, self._answers = files, answers
        super().__init__(*args, **options)

    def do_GET(self) -> None:
        if self.path not in self._files:
            return super().do_GET()
        body = self._files[self.path]
        self.send_response(200)
        kinds = {"html": "text/html", "js": "text/javascript"}
        self.send_header("Content-Type", kinds.get(self.path.rsplit(".", 1)[-1], "application/octet-stream"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def do_POST(self) -> None:
        self._answers.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence."""


def main() -> None:
    parser = argparse.ArgumentParser(description="A picture of a GLB by three.js")
    parser.add_argument("glb", type=Path, nargs="?")
    parser.add_argument("png", type=Path, nargs="?")
    parser.add_argument("--position", type=float, nargs=3, default=(2.0, 1.5, 3.0))
    parser.add_argument("--target", type=float, nargs=3, default=(0.0, 0.5, 0.0))
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480))
    parser.add_argument("--supersample", type=int, default=2)
    given = parser.parse_args()
    if given.glb is None or given.png is None:
        print("no GLB and PNG named: nothing to show")
        return
    width, height = given.size
    camera = look_at(np.array(given.position), np.array(given.target), yfov_rad=0.8, width_px=width, height_px=height)
    linear = show(given.glb.read_bytes(), camera, supersample=given.supersample)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    Image.fromarray(np.rint(encoded * 255).astype(np.uint8)).save(given.png)


if __name__ == "__main__":
    main()
