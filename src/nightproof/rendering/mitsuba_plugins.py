"""What Mitsuba lacks of glTF, in terms of its own plugins: products of textures, and normal maps on given tangents.

Nothing here scatters light or knows of our tracer: the product looks up stock textures and multiplies, the normal map
turns the frame in which a stock BSDF works.
"""

from __future__ import annotations

from typing import Any

PRODUCT, NORMAL_MAP = "nightproof_product", "nightproof_normal_map"
VERTEX_TANGENT = "vertex_tangent"
GRAZING = 1e-3
"""Cosine at which a normal that faces away from the viewer is tilted towards them."""

_known: set[str] = set()


def register(mi: Any) -> None:
    """Make the plugins known to the variant that is set. Harmless when they are."""
    variant = str(mi.variant())
    if variant in _known:
        return
    mi.register_texture(PRODUCT, _product(mi))
    mi.register_bsdf(NORMAL_MAP, _normal_map(mi))
    _known.add(variant)


def _product(mi: Any) -> Any:

    class Product(mi.Texture):  # type: ignore[misc]
        """`first` times `second`, or `first` alone.

        Calls itself constant, so that a lamp chooses points evenly over its triangles: Mitsuba's other way draws
        texture coordinates and asks the mesh where they are, which has no one answer where a texture repeats.
        """

        def __init__(self, properties: Any) -> None:
            mi.Texture.__init__(self, properties)
            self.factors = [properties[name] for name in ("first", "second") if properties.has_property(name)]

        def _product(self, verb: str, at: Any, active: Any) -> Any:
            value = getattr(self.factors[0], verb)(at, active)
            for factor in self.factors[1:]:
                value = value * getattr(factor, verb)(at, active)
            return value

        def eval(self, at: Any, active: Any = True) -> Any:
            return self._product("eval", at, active)

        def eval_1(self, at: Any, active: Any = True) -> Any:
            return self._product("eval_1", at, active)

        def eval_3(self, at: Any, active: Any = True) -> Any:
            return self._product("eval_3", at, active)

        def mean(self) -> Any:
            return self.factors[0].mean()

        def max(self) -> float:
            return float(self.factors[0].max())

        def is_spatially_varying(self) -> bool:
            return False

        def traverse(self, callback: Any) -> None:
            pass

        def to_string(self) -> str:
            return "Product"

    return Product


def _normal_map(mi: Any) -> Any:
    import drjit as dr

    class NormalMap(mi.BSDF):  # type: ignore[misc]
        """`inner` in the frame that the texture `normals` gives, on the mesh attribute `VERTEX_TANGENT`.

        Mitsuba's own `normalmap` lays the map on the derivatives of the texture coordinates of each triangle, where
        glTF gives a tangent per vertex, and shows black (or the mirrored normal) where the mapped normal faces away
        from the viewer, where we tilt it until it just does not.
        """

        def __init__(self, properties: Any) -> None:
            mi.BSDF.__init__(self, properties)
            self.inner, self.normals = properties["inner"], properties["normals"]
            self.m_components = [self.inner.flags(index) for index in range(self.inner.component_count())]
            self.m_flags = self.inner.flags()

        def _frames(self, at: Any, active: Any) -> tuple[Any, Any]:
            """The mapped frame within the shading frame, and the interaction seen from it."""
            mapped = self.normals.eval_3(at, active) * 2 - 1
            tangent = at.sh_frame.to_local(at.shape.eval_attribute_3(VERTEX_TANGENT, at, active))
            length = dr.sqrt(tangent.x * tangent.x + tangent.y * tangent.y)
            there = length > 1e-6
            x, y = dr.select(there, tangent.x / length, 1), dr.select(there, tangent.y / length, 0)
            normal = mi.Vector3f(x * mapped.x - y * mapped.y, y * mapped.x + x * mapped.y, mapped.z)
            normal = dr.select(there, dr.normalize(normal), mi.Vector3f(0, 0, 1))
            viewer = dr.select(at.wi.z >= 0, at.wi, -at.wi)
            cosine = dr.dot(normal, viewer)
            tilted = dr.normalize(normal + viewer * (GRAZING - cosine))
            normal = dr.select(cosine >= GRAZING, normal, tilted)
            within = mi.Frame3f(normal)
            seen = mi.SurfaceInteraction3f(at)
            seen.sh_frame = mi.Frame3f(*(at.to_world(axis) for axis in (within.s, within.t, within.n)))
            seen.wi = within.to_local(at.wi)
            return within, seen

        def sample(self, context: Any, at: Any, choice: Any, place: Any, active: Any = True) -> Any:
            within, seen = self._frames(at, active)
            found, weight = self.inner.sample(context, seen, choice, place, active)
            out = within.to_world(found.wo)
            active = active & (found.wo.z * out.z > 0)
            found.pdf = dr.select(active, found.pdf, 0)
            found.wo = out
            return found, weight & active

        def eval(self, context: Any, at: Any, out: Any, active: Any = True) -> Any:
            return self.eval_pdf(context, at, out, active)[0]

        def pdf(self, context: Any, at: Any, out: Any, active: Any = True) -> Any:
            return self.eval_pdf(context, at, out, active)[1]

        def eval_pdf(self, context: Any, at: Any, out: Any, active: Any = True) -> Any:
            within, seen = self._frames(at, active)
            local = within.to_local(out)
            active = active & (out.z * local.z > 0)
            value, pdf = self.inner.eval_pdf(context, seen, local, active)
            return value & active, dr.select(active, pdf, 0)

        def eval_diffuse_reflectance(self, at: Any, active: Any = True) -> Any:
            return self.inner.eval_diffuse_reflectance(at, active)

        def sh_frame(self, at: Any, active: Any = True) -> Any:
            return self._frames(at, active)[1].sh_frame

        def traverse(self, callback: Any) -> None:
            pass

        def to_string(self) -> str:
            return "NormalMap"

    return NormalMap
