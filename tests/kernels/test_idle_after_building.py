"""A scene that is built and waits costs no processor time."""

import time

import numpy as np

from nightproof.kernels.rays import RayCaster

IDLE_S = 0.5


def test_nothing_spins_once_scenes_are_built():
    """A worker of the library that Embree builds with once kept asking for work for as long as a second scene lived."""
    rng = np.random.default_rng(1)
    positions = rng.normal(size=(60_000, 3)).astype(np.float32)
    triangles = np.arange(60_000, dtype=np.uint32).reshape(-1, 3)
    kept = [RayCaster(positions, triangles, 1) for _ in range(3)]
    kept[0].closest(positions[:8], positions[8:16])
    started_s = time.process_time()
    time.sleep(IDLE_S)
    assert time.process_time() - started_s < 0.1 * IDLE_S
