"""The child of `auditor_process`: reads calls from its input, answers on its output, until the input ends."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, BinaryIO

from nightproof.kernels.guard import end_with_parent
from nightproof.rendering.auditor_process import LENGTH
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene


@dataclass
class Worker:
    """One verb per method; the first call must be `start`."""

    variant: str = "scalar_rgb"
    scene: Any = None

    def start(self, variant: str, threads: int, memory_bytes: int) -> dict[str, str]:
        """Set limits and the variant; say what there is."""
        _limit_memory(memory_bytes)
        from nightproof.rendering.mitsuba_renderer import mitsuba

        mitsuba(variant)
        import drjit

        drjit.set_thread_count(threads or os.cpu_count() or 1)
        self.variant = variant
        llvm = ".".join(map(str, drjit.detail.llvm_version())) if variant.startswith("llvm") else ""
        return {"mitsuba": version("mitsuba"), "drjit": version("drjit"), "llvm": llvm, "variant": variant}

    def load(self, flat: FlatScene, beyond: bool = False) -> tuple[str, ...]:
        """Hold `flat` ready; what Mitsuba cannot express of it. `beyond`: see `mitsuba_export.export`."""
        from nightproof.rendering.mitsuba_renderer import MitsubaScene

        self.scene = MitsubaScene(flat, self.variant, beyond)
        return tuple(self.scene.notes)

    def render(self, camera: Camera, options: dict[str, Any]) -> Any:
        """A `Picture` of the scene loaded."""
        return self.scene.render(camera, **options)

    def try_out(self) -> float:
        """Mean of a tiny picture that needs all that a bad LLVM is known to stumble on."""
        from nightproof.rendering.auditor_probe_scene import camera, scene
        from nightproof.rendering.mitsuba_renderer import MitsubaScene

        picture = MitsubaScene(scene(), self.variant).render(camera(), samples=16, seed=1, max_depth=4)
        return float(picture.color.mean())

    @property
    def verbs(self) -> dict[str, Callable[..., Any]]:
        return {"start": self.start, "load": self.load, "render": self.render, "try_out": self.try_out}


def _limit_memory(limit_bytes: int) -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    except (ImportError, ValueError, OSError):  # no such limit on this system
        return


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer calls until `source` ends."""
    worker = Worker()
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        verb, arguments = pickle.loads(source.read(LENGTH.unpack(head)[0]))
        try:
            answer = (True, worker.verbs[verb](*arguments))
        except MemoryError:
            answer = (False, "out of memory")
        except Exception as error:  # the parent turns whatever Mitsuba raised into its own typed error
            answer = (False, f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}")
        message = pickle.dumps(answer, protocol=5)
        sink.write(LENGTH.pack(len(message)))
        sink.write(message)
        sink.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    end_with_parent()
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    serve(sys.stdin.buffer, answers)
