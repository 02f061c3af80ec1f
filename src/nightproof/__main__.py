"""`python -m nightproof` is the `nightproof` command."""

from nightproof.cli import main

main()
