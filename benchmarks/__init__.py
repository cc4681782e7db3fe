"""One file a suite of tools/benchmark.py."""
