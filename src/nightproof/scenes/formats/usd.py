"""placeholder"""

from pathlib import Path

from nightproof.scenes.gltf import GltfDocument


def load_usd(path: Path) -> GltfDocument:
    raise NotImplementedError
