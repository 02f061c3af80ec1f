"""Rooms of our own (CC0), made by rule: what the demo shows and the benchmarks measure."""
