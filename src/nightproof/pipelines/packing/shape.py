"""The JSON of a document, checked for the shape that packing walks it by, before it is walked.

What fails here is the file's fault, and is said with its place; what fails later is ours, and is not hidden. Checked is
what packing reads: types, required properties, indices, and the kinds of accessors that attributes and animations
name. What nobody here reads is not looked at. Bytes are checked where they are decoded (`scenes.accessors`), and
references of extensions that are listed in `references` there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from nightproof.pipelines.packing.draft import copied
from nightproof.pipelines.packing.references import UNDERSTOOD
from nightproof.scenes.fields import Fields
from nightproof.scenes.gltf import ARRAYS, GltfDocument
from nightproof.scenes.image_light import EXTENSION as LIT_BY_IMAGES
from nightproof.scenes.nodes import LOD

Reader = Callable[[Fields, str], object]
"""Checks one property of an object, which is there. Raises BrokenScene."""
Shape = Mapping[str, Reader]
"""Property → what it has to be; a name that ends in `!` is required."""
NUMBERED = re.compile(r"TEXCOORD_(0|[1-9][0-9]{0,3})\Z")
KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("POSITION", ("VEC3",)),
    ("NORMAL", ("VEC3",)),
    ("TANGENT", ("VEC4",)),
    ("TEXCOORD_", ("VEC2",)),
    ("COLOR_", ("VEC3", "VEC4")),
    ("JOINTS_", ("VEC4",)),
    ("WEIGHTS_", ("VEC4",)),
    ("TRANSLATION", ("VEC3",)),
    ("ROTATION", ("VEC4",)),
    ("SCALE", ("VEC3",)),
)
"""What attributes may be, by the beginning of their names; all others anything."""
UNSIGNED, FLOAT = (5121, 5123, 5125), (5126,)


def well_shaped(document: GltfDocument) -> GltfDocument:
    """The same document, its whole numbers written as such (3.0 is a legal spelling of 3). Raises BrokenScene."""
    json = copied(document.json)
    root = Fields(json, "", json)
    _check(root, ROOT)
    for array in ARRAYS:
        for item in root.children(array):
            _check(item, SHAPE_OF.get(array, {}))
            if array == "materials":
                _check_textures(item)
            if array == "images" and not {"bufferView", "uri"} & item.value.keys():
                raise item.broken("", "has neither `bufferView` nor `uri`")
    return replace(document, json=json)


def _check(fields: Fields, shape: Shape) -> None:
    for name, read in shape.items():
        plain = name.removesuffix("!")
        if plain != name:
            fields.require(plain)
        if plain in fields:
            read(fields, plain)
    if (extensions := fields.child("extensions")) is not None:
        for name in extensions.value:
            if name in UNDERSTOOD and (extension := extensions.child(name)) is not None:
                _check(extension, EXTENSIONS.get(name, {}))


def integer(fields: Fields, name: str) -> None:
    fields.value[name] = fields.integer(name, low=-(2**53))


def positive(fields: Fields, name: str) -> None:
    fields.value[name] = fields.integer(name, low=1)


def numbers(length: int) -> Reader:
    return lambda fields, name: fields.numbers(name, length)


def index(array: str) -> Reader:
    def read(fields: Fields, name: str) -> None:
        fields.value[name] = fields.reference(name, array)

    return read


def indices(array: str) -> Reader:
    def read(fields: Fields, name: str) -> None:
        fields.value[name] = list(fields.references(name, array))

    return read


def levels(fields: Fields, name: str) -> None:
    """Nodes that stand in for a node, materials for a material; elsewhere nobody reads them."""
    array = fields.pointer.split("/")[1]
    if array in ("nodes", "materials"):
        indices(array)(fields, name)


def one(shape: Shape) -> Reader:
    def read(fields: Fields, name: str) -> None:
        if (child := fields.child(name)) is not None:
            _check(child, shape)

    return read


def many(shape: Shape, least: int = 0) -> Reader:
    def read(fields: Fields, name: str) -> None:
        children = list(fields.children(name))
        if len(children) < least:
            raise fields.broken(name, f"needs at least {least}")
        for child in children:
            _check(child, shape)

    return read


def each(read: Reader) -> Reader:
    """Every value of an object."""

    def read_all(fields: Fields, name: str) -> None:
        if (child := fields.child(name)) is not None:
            for inner in child.value:
                read(child, inner)

    return read_all


def accessor(kinds: tuple[str, ...] = (), components: tuple[int, ...] = ()) -> Reader:
    """An index of an accessor of some type and component type; any where none is said."""

    def read(fields: Fields, name: str) -> None:
        index("accessors")(fields, name)
        described = fields.root["accessors"][fields.value[name]]
        if kinds and described.get("type") not in kinds:
            raise fields.broken(name, f"names an accessor that is not {' or '.join(kinds)}")
        if components and described.get("componentType") not in components:
            raise fields.broken(name, "names an accessor of another component type than belongs there")

    return read


def attribute(fields: Fields, name: str) -> None:
    if name.startswith("TEXCOORD_") and not NUMBERED.match(name):
        raise fields.broken("", f"{name:.20} has no number")
    accessor(next((kinds for begin, kinds in KINDS if name.startswith(begin)), ()))(fields, name)


def delta(fields: Fields, name: str) -> None:
    """Of a morph target: tangents have no handedness there."""
    (accessor(("VEC3",)) if name == "TANGENT" else attribute)(fields, name)


def faces(fields: Fields, name: str) -> None:
    """Of a light: the images of each mip."""
    mips = fields.value[name]
    if not isinstance(mips, list):
        raise fields.broken(name, "is no list of mips")
    for number, mip in enumerate(mips):
        Fields({str(number): mip}, fields.at(name), fields.root).references(str(number), "images")


def targets(fields: Fields, name: str) -> None:
    for target in fields.children(name):
        for inner in target.value:
            delta(target, inner)


def channels(fields: Fields, name: str) -> None:
    samplers = len(list(fields.children("samplers")))
    for channel in fields.children(name):
        _check(channel, CHANNEL)
        if not 0 <= channel.value["sampler"] < samplers:
            raise channel.broken("sampler", f"there are {samplers} samplers")


def _check_textures(fields: Fields, known: bool = True) -> None:
    """They are found anywhere in a material; those in extensions that are not `known` here only where they name one."""
    for name, item in fields.value.items():
        is_use = name.endswith("Texture") or name == "MOZ_lightmap"
        if name == "extras" or not (isinstance(item, dict) or (is_use and known)):
            continue
        child = Fields.of(item, fields.at(name), fields.root)
        if is_use and (known or isinstance(child.value.get("index"), int)):
            _check(child, INFO)
        understood = name in UNDERSTOOD or not fields.pointer.endswith("/extensions")
        _check_textures(child, known and understood)


TURNED: Shape = {"offset": numbers(2), "rotation": Fields.number, "scale": numbers(2), "texCoord": integer}
INFO: Shape = {"index!": index("textures"), "texCoord": integer}
PBR: Shape = {"roughnessFactor": Fields.number, "metallicFactor": Fields.number}
CHANNEL: Shape = {
    "sampler!": integer,
    "target!": one({"node": index("nodes"), "path!": Fields.text}),
}
PRIMITIVE: Shape = {
    "attributes!": each(attribute),
    "indices": accessor(("SCALAR",), UNSIGNED),
    "material": index("materials"),
    "mode": integer,
    "targets": targets,
}
SPARSE: Shape = {
    "count!": positive,
    "indices!": one({"bufferView!": index("bufferViews")}),
    "values!": one({"bufferView!": index("bufferViews")}),
}
IMAGE_OF: Shape = {"source": index("images")}
MESHOPT: Shape = {"buffer": index("buffers")}  # of views; of buffers it says other things
EXTENSIONS: Mapping[str, Shape] = {
    "KHR_texture_transform": TURNED,
    "KHR_animation_pointer": {"pointer!": Fields.text},
    "KHR_draco_mesh_compression": {"bufferView!": index("bufferViews"), "attributes!": each(integer)},
    "KHR_materials_variants": {"mappings": many({"material!": index("materials")})},
    "EXT_mesh_gpu_instancing": {"attributes!": each(attribute)},
    "EXT_meshopt_compression": MESHOPT,
    "KHR_meshopt_compression": MESHOPT,
    LIT_BY_IMAGES: {"lights": many({"specularImages": faces})},
    LOD: {"ids": levels},
    **dict.fromkeys(("EXT_texture_webp", "EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds"), IMAGE_OF),
}
"""Those that are walked; of all others that are understood nothing but that they are objects."""
ROOT: Shape = {"extensionsUsed": Fields.texts, "extensionsRequired": Fields.texts, "scene": index("scenes")}
IMAGE: Shape = {"bufferView": index("bufferViews"), "uri": Fields.text, "mimeType": Fields.text}
SAMPLER: Shape = {"input!": accessor(("SCALAR",), FLOAT), "output!": accessor(), "interpolation": Fields.text}
SHAPE_OF: Mapping[str, Shape] = {
    "accessors": {
        "type!": Fields.text,
        "componentType!": integer,
        "count!": positive,
        "bufferView": index("bufferViews"),
        "byteOffset": integer,
        "normalized": Fields.flag,
        "sparse": one(SPARSE),
    },
    "animations": {"samplers!": many(SAMPLER), "channels!": channels},
    "buffers": {"byteLength!": positive},
    "bufferViews": {
        "buffer!": index("buffers"),
        "byteOffset": integer,
        "byteLength!": positive,
        "byteStride": positive,
    },
    "images": IMAGE,
    "materials": {"pbrMetallicRoughness": one(PBR), "alphaMode": Fields.text},
    "meshes": {"primitives!": many(PRIMITIVE, 1)},
    "nodes": {
        "mesh": index("meshes"),
        "skin": index("skins"),
        "children": indices("nodes"),
        "translation": numbers(3),
        "rotation": numbers(4),
        "scale": numbers(3),
        "matrix": numbers(16),
        "name": Fields.text,
    },
    "samplers": {"wrapS": integer, "wrapT": integer, "magFilter": integer},
    "scenes": {"nodes": indices("nodes")},
    "skins": {
        "joints!": indices("nodes"),
        "skeleton": index("nodes"),
        "inverseBindMatrices": accessor(("MAT4",), FLOAT),
    },
    "textures": {"source": index("images"), "sampler": index("samplers")},
}
"""Of the objects of each root array."""
