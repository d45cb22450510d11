"""Benchmarks: each goal is one script that prints a table and ratios, whatever they are."""
