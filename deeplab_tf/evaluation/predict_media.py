"""Labels files of all media."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.image_labeller import ImageLabeller
from deeplab_tf.evaluation.media import GEOTIFFS, IMAGES, VIDEOS
from deeplab_tf.evaluation.predict_files import predict_files
from deeplab_tf.evaluation.prediction_jobs import Plan
from deeplab_tf.evaluation.predictor import Predictor


def check_bands(bands: Sequence[int] | None, plans: Iterable[Plan]) -> None:
    """Raises a ValueError where bands are chosen and there is no file to choose them from."""
    if bands is not None and all(plan.medium.name != GEOTIFFS.name for plan in plans):
        raise ValueError("--bands belongs to TIFF files, and there are none in --input.")


def name_of_all(plans: Sequence[Plan]) -> str:
    """Returns what all planned files are called together."""
    names = {plan.medium.name for plan in plans}
    return names.pop() if len(names) == 1 else "files"


def predict_media(
    predictor: Predictor,
    spec: DatasetSpec,
    plans: Iterable[Plan],
    classes: Sequence[str] | None = None,
    resume: bool = False,
    bands: Sequence[int] | None = None,
    progress: Callable[..., Iterable] = lambda items, total, unit: items,
) -> list[str]:
    """Labels files of all media; see `predict_files` and its likes for what can go wrong.

    Args:
        predictor: what labels.
        spec: names and colours of the classes.
        plans: from `plan_media`.
        classes: names of the classes to write; None for all.
        resume: whether images that a file of all images holds stay in it.
        bands: numbers of the three bands of GeoTIFF files that the network sees.
        progress: wraps an iterable, given its length or None and what one item is called.

    Returns:
        One line for everything that could not be labelled as a whole.
    """
    problems: list[str] = []
    for plan in plans:
        if plan.medium.name == IMAGES.name:
            bar = functools.partial(progress, total=len(plan.jobs), unit="image")
            problems += predict_files(
                predictor, spec, plan.jobs, plan.formats, bar, classes, resume
            )
        elif plan.medium.name == VIDEOS.name:
            # PyAV is an extra, and so is rasterio.
            from deeplab_tf.evaluation.videos.predict_videos import predict_videos

            labeller = ImageLabeller(predictor, spec, classes=classes)
            bar = functools.partial(progress, unit="frame")
            problems += predict_videos(labeller, plan.jobs, plan.formats, bar)
        else:
            from deeplab_tf.evaluation.geotiffs.predict_geotiffs import predict_geotiffs

            bar = functools.partial(progress, unit="tile")
            problems += predict_geotiffs(predictor, spec, plan.jobs, bands, classes, bar)
    return problems
