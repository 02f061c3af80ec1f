"""What Mitsuba lacks of glTF, in terms of its own plugins: products of textures, and shading frames from vertices.

Nothing here scatters light or knows of our tracer: the product looks up stock textures and multiplies, the frame turns
the coordinates in which a stock BSDF works.
"""

from __future__ import annotations

from typing import Any

PRODUCT, FRAME = "nightproof_product", "nightproof_frame"
VERTEX_NORMAL, VERTEX_TANGENT = "vertex_shading_normal", "vertex_tangent"
GRAZING = 1e-3
"""Cosine at which a normal that faces away from the viewer is tilted towards them."""

_known: set[str] = set()


def register(mi: Any) -> None:
    """Make the plugins known to the variant that is set. Harmless when they are."""
    variant = str(mi.variant())
    if variant in _known:
        return
    mi.register_texture(PRODUCT, _product(mi))
    mi.register_bsdf(FRAME, _frame(mi))
    _known.add(variant)


def _product(mi: Any) -> Any:

    class Product(mi.Texture):  # type: ignore[misc]
        """`first` times `second`, or `first` alone.

        Calls itself constant, so that a lamp chooses points evenly over its triangles: Mitsuba's other way draws
        texture coordinates and asks the mesh where they are, which has no one answer where a texture repeats.
        """

        def __init__(self, properties: Any) -> None:
            mi.Texture.__init__(self, properties)
            self.factors = [properties[name] for name in ("first", "second") if name in properties]

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


def _frame(mi: Any) -> Any:
    import drjit as dr

    class Frame(mi.BSDF):  # type: ignore[misc]
        """`inner` in the frame that the mesh attributes `VERTEX_NORMAL`, `VERTEX_TANGENT` and the map `normals` give.

        The mesh itself is faceted, so that lamps are sampled as they are hit and its sides are those of its triangles.
        Mitsuba's own `normalmap` lays the map on the derivatives of the texture coordinates of each triangle, where
        glTF gives a tangent per vertex, and shows black (or the mirrored normal) where the mapped normal faces away
        from the viewer, where we tilt it until it just does not.

        Properties: `inner`; `normals`, may be missing; `back`: inside `twosided`, which mirrors z on that side;
        `strict`: drop what leaves through the triangle by the frame alone.
        """

        def __init__(self, properties: Any) -> None:
            mi.BSDF.__init__(self, properties)
            self.inner = properties["inner"]
            self.normals = properties.get("normals", None)
            self.back, self.strict = bool(properties["back"]), bool(properties["strict"])
            self.m_components = [self.inner.flags(index) for index in range(self.inner.component_count())]
            self.m_flags = self.inner.flags()

        def _frames(self, at: Any, active: Any) -> tuple[Any, Any]:
            """The frame within that of the triangle, and the interaction seen from it."""
            normal = at.sh_frame.to_local(at.shape.eval_attribute_3(VERTEX_NORMAL, at, active))
            normal = dr.normalize(dr.select(normal.z < 0, -normal, normal))
            tangent = mi.Vector3f(1, 0, 0)
            if self.normals is not None:
                mapped = self.normals.eval_3(at, active) * 2 - 1
                tangent = at.sh_frame.to_local(at.shape.eval_attribute_3(VERTEX_TANGENT, at, active))
                tangent = tangent - normal * dr.dot(normal, tangent)
                there = dr.dot(tangent, tangent) > 1e-12
                tangent = dr.normalize(dr.select(there, tangent, mi.Vector3f(1, 0, 0)))
                side = dr.cross(normal, tangent)
                bumped = dr.normalize(tangent * mapped.x + side * mapped.y + normal * mapped.z)
                normal = dr.select(there, bumped, normal)
            if self.back:
                normal = mi.Vector3f(-normal.x, -normal.y, normal.z)
                tangent = mi.Vector3f(tangent.x, tangent.y, -tangent.z)
            viewer = dr.select(at.wi.z >= 0, at.wi, -at.wi)
            cosine = dr.dot(normal, viewer)
            tilted = dr.normalize(normal + viewer * (GRAZING - cosine))
            normal = dr.select(cosine >= GRAZING, normal, tilted)
            within = mi.Frame3f(normal)
            if self.normals is not None:
                along = tangent - normal * dr.dot(normal, tangent)
                there = there & (dr.dot(along, along) > 1e-6)
                along = dr.normalize(dr.select(there, along, within.s))
                within = mi.Frame3f(along, dr.cross(normal, along), normal)
            seen = mi.SurfaceInteraction3f(at)
            seen.sh_frame = mi.Frame3f(*(at.to_world(axis) for axis in (within.s, within.t, within.n)))
            seen.wi = within.to_local(at.wi)
            return within, seen

        def sample(self, context: Any, at: Any, choice: Any, place: Any, active: Any = True) -> Any:
            within, seen = self._frames(at, active)
            found, weight = self.inner.sample(context, seen, choice, place, active)
            out = within.to_world(found.wo)
            active = active & (found.wo.z * out.z > 0) if self.strict else active
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
            active = active & (out.z * local.z > 0) if self.strict else active
            value, pdf = self.inner.eval_pdf(context, seen, local, active)
            return value & active, dr.select(active, pdf, 0)

        def eval_diffuse_reflectance(self, at: Any, active: Any = True) -> Any:
            return self.inner.eval_diffuse_reflectance(at, active)

        def sh_frame(self, at: Any, active: Any = True) -> Any:
            return self._frames(at, active)[1].sh_frame

        def traverse(self, callback: Any) -> None:
            pass

        def to_string(self) -> str:
            return "Frame"

    return Frame
