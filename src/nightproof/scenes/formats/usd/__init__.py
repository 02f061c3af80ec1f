"""OpenUSD (extra `usd`): read in a child process, handed over as a GLB. Only `worker` and what it imports know pxr."""

from nightproof.scenes.formats.usd.reader import load_usd

__all__ = ["load_usd"]
