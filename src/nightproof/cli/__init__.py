"""The command line: reads, calls, prints. One file per command; nothing heavy is imported before a command runs."""

import os

# OpenBLAS's helpers spin for a while after each product: 3 % of a job's CPU-seconds for products that are small. What
# is worth threads here has its own.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from nightproof.cli.app import main

__all__ = ["main"]
