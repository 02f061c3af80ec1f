"""Facts about a scene in four families. Every feature is a documented formula, free of units of length.

All measuring starts from `surface.Surface`: triangles in a canonical order and scale, so that the order of
triangles and vertices, the split into meshes and the unit of the file leave no trace in what follows.
"""
