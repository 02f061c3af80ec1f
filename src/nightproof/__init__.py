"""nightproof turns a 3D scene into a real-time asset, proves that it still looks right, and keeps the bill low.

Importing this package costs nothing: the parts are imported where they are used.
"""

__version__ = "0.1.0"
