"""Lays out the web page in Gradio; it loads nothing from other machines."""

# Gradio reads the annotations of functions, so that they must not be postponed.
import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from deeplab_tf.demo.labeller import Labeller
from deeplab_tf.demo.result_html import hint
from deeplab_tf.demo.session import CONTROLS, FIRST_STEP, Control, Session
from deeplab_tf.demo.uploads import Uploads

if TYPE_CHECKING:
    from gradio import Blocks, Slider

KEPT_SECONDS = 3600
_OPACITY = 60
_SET_OPACITY = "(v) => document.documentElement.style.setProperty('--opacity', v / 100)"


def build_page(
    labeller: Labeller, examples: dict[str, np.ndarray], folder: Path, uploads: Uploads
) -> "Blocks":
    """Lays out the page.

    Args:
        labeller: labels images.
        examples: uint8 RGB [H, W, 3] by name.
        folder: is created for files of the examples.
        uploads: the only folder from which uploads are read and deleted.

    Returns:
        gradio.Blocks.
    """
    gradio = import_gradio()
    session = Session(labeller, examples)
    spec = labeller.spec
    start = [labeller.parameters[control.name] for control in CONTROLS]
    files = _write_examples(examples, folder)
    gradio.set_static_paths(folder)  # shown from there, not copied to the uploads

    def example(event: gradio.SelectData, *values):  # type: ignore[name-defined]
        return session.example(event.index, *values)

    def receive(path: str, *values):
        # Gradio passes on any path that it would show to visitors.
        if not uploads.holds(path):
            raise gradio.Error("That is no upload.", print_exception=False)
        return session.upload(path, *values)

    with gradio.Blocks(
        analytics_enabled=False,
        title=f"DeepLab: {spec.name}",
        fill_width=True,
        delete_cache=(KEPT_SECONDS, KEPT_SECONDS),
    ) as page:
        image = gradio.State(time_to_live=KEPT_SECONDS)
        gradio.Markdown(f"## DeepLab, {spec.num_classes} classes of {spec.name}")
        with gradio.Row():
            with gradio.Column(scale=0, min_width=320):
                upload = gradio.File(label="Image (JPEG, PNG, TIFF, BMP, WebP, GIF)", height=120)
                upload.async_move_resource_to_block_cache = _local_path
                gradio.Markdown("Or an example of the embedded data set:")
                gallery = gradio.Gallery(
                    files,
                    show_label=False,
                    columns=len(files),
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    elem_id="examples",
                )
                opacity = gradio.Slider(
                    0, 100, _OPACITY, step=1, label="Opacity of the labels, %", elem_id="opacity"
                )
                with gradio.Group():
                    sliders = [_slider(gradio, *row) for row in zip(CONTROLS, start, strict=True)]
                reset = gradio.Button("Reset the CRF", size="sm")
            with gradio.Column(scale=1):
                shown = gradio.HTML(hint(FIRST_STEP), elem_id="result")

        # One computation at a time: two would only slow each other down.
        computing = {
            "concurrency_id": "model",
            "concurrency_limit": 1,
            "api_visibility": "private",
            "show_progress_on": shown,
        }
        labelled = upload.upload(receive, [upload, *sliders], [image, shown], **computing)
        labelled.then(None, None, upload, js="() => null")  # ready for the next one
        gallery.select(example, sliders, [image, shown], **computing)
        gradio.on(
            [slider.change for slider in sliders],
            session.refine,
            [image, *sliders],
            shown,
            trigger_mode="always_last",
            **computing,
        )
        reset.click(lambda: start, None, sliders, api_visibility="private")
        opacity.input(None, opacity, None, js=_SET_OPACITY)
    return page


def _write_examples(examples: dict[str, np.ndarray], folder: Path) -> list[Path]:
    folder.mkdir(parents=True)
    files = [folder / f"{name}.png" for name in examples]
    for file, image in zip(files, examples.values(), strict=True):
        Image.fromarray(image).save(file)
    return files


async def _local_path(path: str | None) -> str | None:
    """Replaces a function of Gradio that fetches any address given as the path of an upload."""
    return path


def _slider(gradio: ModuleType, control: Control, value: float) -> "Slider":
    slider = gradio.Slider(
        min(control.low, value),
        max(control.high, value),
        value,
        step=control.step,
        precision=0 if isinstance(value, int) else None,
        label=control.label,
        elem_id=control.name,
    )
    checked = slider.preprocess
    # An emptied box is None, which Gradio would compare with the bounds.
    slider.preprocess = lambda number: None if number is None else checked(number)
    return slider


def import_gradio() -> ModuleType:
    """Imports Gradio with its usage statistics switched off.

    Raises:
        ImportError: it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    try:
        import gradio
    except ImportError as error:
        raise ImportError(
            f"The page needs Gradio: pip install 'deeplab_tf[demo]' ({error})."
        ) from error
    return gradio
