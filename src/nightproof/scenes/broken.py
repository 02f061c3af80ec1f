"""What is said of a scene file that cannot be used: where the fault is, and which rule it breaks."""

from __future__ import annotations

from nightproof.errors import UnusableInput


class BrokenScene(UnusableInput):
    """A scene file breaks a rule of its format in a way that matters for the work."""

    hint = "Export the scene again, or look the place up with the Khronos glTF validator."

    def __init__(self, rule: str, pointer: str = "", *, hint: str | None = None) -> None:
        """`rule` says in words what is wrong; `pointer` is the JSON pointer (RFC 6901) of the place, if any."""
        self.rule, self.pointer = rule, pointer
        super().__init__(f"{pointer}: {rule}" if pointer else rule, hint=hint)


class SceneTooLarge(BrokenScene):
    """A scene would unfold to more than this version handles, by design or as an attack."""

    hint = (
        "Split the scene, thin out its instances, or simplify its meshes; the limits are in docs/reference/scenes.md."
    )
