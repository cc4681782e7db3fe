"""Lets Python look for garbage rarely: TensorFlow's modules are a million objects to go through."""

import gc

# An eighth of the suite's time went into looking, at Python's own 700.
_ALLOCATIONS = 100_000


def collect_rarely():
    """Leaves what is imported out of it, and looks at the rest once in many allocations."""
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 50, 50)
