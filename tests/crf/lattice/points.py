"""Points in the space of features, and their Gaussian sums over all pairs."""

import numpy as np


def points(count, dimensions, seed=0, spread=2.0):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, spread, count).astype(np.float32) for _ in range(dimensions)]


def gaussian_sums(features, values):
    features = np.stack(features, axis=1).astype(float)
    distances = ((features[:, None] - features[None]) ** 2).sum(axis=-1)
    return np.exp(-0.5 * distances) @ values
