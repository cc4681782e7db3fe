"""A disk without space, as far as one file is concerned."""

import contextlib
import resource


@contextlib.contextmanager
def small_files(size):
    """Lets no file grow beyond a size; the error is that of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
