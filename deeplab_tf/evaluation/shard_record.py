"""What `metrics.json` says of a shard, so that only shards of one evaluation are merged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplab_tf.evaluation.predictor import Predictor

# Digits of a hash, each of 4 bits: enough to tell models apart, few enough to be read.
_DIGITS = 16


def describe_shard(
    shard: tuple[int, int], predictor: Predictor, names: Sequence[str]
) -> dict[str, Any]:
    """Describes a shard of an evaluation.

    Args:
        shard: its number, from 1, and the number of shards.
        predictor: what labels the images.
        names: of the images of all shards.

    Returns:
        `number` and `shards`, `images` of all shards together, and hashes of these images' names
        and of the `predictor`: its weights, their precision, and what it was created with.
    """
    number, shards = shard
    return {
        "number": number,
        "shards": shards,
        "images": len(names),
        "names": names_hash(names),
        "predictor": predictor_hash(predictor),
    }


def names_hash(names: Sequence[str]) -> str:
    """Returns a hash of names in their order."""
    return _hash(json.dumps(list(names)).encode())


def predictor_hash(predictor: Predictor) -> str:
    """Returns a hash of a predictor's weights, their precision, and what it was created with."""
    model, crf = predictor.model, predictor.crf
    weights = [*model.variables_by_name().items()]
    if crf is not None:
        weights += [(f"crf {number}", weight) for number, weight in enumerate(crf.weights)]
    settings = {
        "precision": model.backbone.compute_dtype,
        "scales": [float(scale) for scale in predictor.scales],
        "flip": bool(predictor.flip),
        "fusion": predictor.fusion,
        "tile": predictor.tile,
        "pad_to": predictor.pad_to,
        "crf": None if crf is None else crf.parameters.to_dict(),
    }
    # Neither stack lists the variables in an order of its own then.
    parts = [json.dumps(settings, sort_keys=True).encode()]
    for name, weight in sorted(weights, key=lambda pair: pair[0]):
        parts += [name.encode(), hashlib.sha256(np.ascontiguousarray(weight).tobytes()).digest()]
    return _hash(*parts)


def _hash(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:_DIGITS]
