"""The losses in NumPy and float64, from their definitions, for one batch."""

import numpy as np

from tests.training.fakes import VOID, log_softmax


def valid_pixels(logits, labels):
    """Log-probabilities [n, C] and labels [n] of the pixels that are not void."""
    return log_softmax(np.asarray(logits, np.float64))[labels != VOID], labels[labels != VOID]


def own(values, labels):
    """The value of every pixel's own class."""
    return values[np.arange(len(labels)), labels]


def cross_entropy(logits, labels, weights=None, smoothing=0.0):
    log_p, y = valid_pixels(logits, labels)
    factors = np.ones(log_p.shape[1]) if weights is None else np.array(weights)
    targets = (1 - smoothing) * np.eye(log_p.shape[1])[y] + smoothing / log_p.shape[1]
    return (-(targets * log_p).sum(-1) * factors[y]).sum() / max(len(y), 1)


def focal(logits, labels, gamma=2.0, weights=None):
    log_p, y = valid_pixels(logits, labels)
    factors = np.ones(log_p.shape[1]) if weights is None else np.array(weights)
    wrong = 1 - np.exp(own(log_p, y))
    return (factors[y] * wrong**gamma * -own(log_p, y)).sum() / max(len(y), 1)


def ohem(logits, labels, count=0, threshold=0.0):
    """The `count` hardest pixels, and those whose class is at most as probable as `threshold`."""
    log_p, y = valid_pixels(logits, labels)
    p = own(np.exp(log_p), y)
    kept = set(np.argsort(p)[:count]) | set(np.flatnonzero(p <= threshold))
    return np.mean([-np.log(p[i]) for i in kept]) if kept else 0.0


def dice(logits, labels):
    log_p, y = valid_pixels(logits, labels)
    p, losses = np.exp(log_p), []
    for c in np.unique(y):
        losses.append(1 - 2 * p[y == c, c].sum() / (p[:, c].sum() + (y == c).sum()))
    return np.mean(losses) if losses else 0.0


def lovasz(logits, labels):
    """The Lovász extension of the Jaccard loss, from sets (Berman et al. 2018, equations 6, 8)."""
    log_p, y = valid_pixels(logits, labels)
    p, losses = np.exp(log_p), []
    for c in np.unique(y):
        errors = np.where(y == c, 1 - p[:, c], p[:, c])
        order, loss = np.argsort(-errors, kind="stable"), 0.0
        for i in range(len(order)):
            growth = jaccard_loss(order[: i + 1], y == c) - jaccard_loss(order[:i], y == c)
            loss += errors[order[i]] * growth
        losses.append(loss)
    return np.mean(losses) if losses else 0.0


def jaccard_loss(wrong, truth):
    """1 - IoU of a class where the pixels of a set are predicted wrongly and all others rightly."""
    predicted = truth.copy()
    predicted[wrong] = ~truth[wrong]
    union = (predicted | truth).sum()
    return 1 - (predicted & truth).sum() / union if union else 0.0
