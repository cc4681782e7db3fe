"""Renders the labels of an image as self-contained HTML."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.demo.labeller import LabelledImage, Labeller, Refined
from deeplab_tf.demo.markup import Element, element, shown, swatch, to_html

# Labels are painted by the browser, over the image, so that the opacity costs nothing here.
STYLE = """
.figures { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 16px; }
.figures figure { margin: 0; min-width: 0; }
.figures h3 { margin: 0 0 6px; font-size: 1rem; font-weight: 600; }
.figures .stack { position: relative; width: 100%; border-radius: 6px; overflow: hidden; }
.figures .stack img { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0;
  border-radius: 0; }
.figures .stack img.labels { image-rendering: pixelated; opacity: var(--opacity, 0.6); }
.figures figcaption { margin-top: 6px; font-size: .88rem; line-height: 1.5;
  overflow-wrap: anywhere; }
.figures figcaption a { margin: 0; padding: 0; color: var(--link-text-color);
  text-decoration: underline; }
.legend { display: grid; grid-template-columns: repeat(auto-fill, minmax(225px, 1fr));
  gap: 2px 24px; margin: 18px 0 0; padding: 0; list-style: none; font-size: .88rem;
  font-variant-numeric: tabular-nums; }
.legend li { display: flex; gap: .5em; align-items: center; margin: 0; padding: 3px 0;
  border-bottom: 1px solid var(--border-color-primary); }
.legend .swatch { flex: none; width: 1.15em; height: 1.15em; border-radius: 3px;
  border: 1px solid rgb(128 128 128 / .6); }
.legend .name { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.legend .absent .name { opacity: .5; }
.problem { padding: 12px 16px; border: 1px solid #c2410c; border-radius: 6px; }
.hint { padding: 30vh 16px 0; text-align: center; }
"""


def result(labeller: Labeller, image: LabelledImage, refined: Refined) -> str:
    """Renders an image, its labels before and after the CRF, the legend and the times.

    Args:
        labeller: knows the classes and their colours, and encodes the label PNGs.
        image: with the labels before the CRF.
        refined: the labels after the CRF.
    """
    before = image.labels
    height, width = before.shape
    changed = f"changed {shown(np.mean(before != refined.labels))} % of the pixels"
    base = element("img", src=_image_url(image.image), alt="the image")
    stages = [
        ("network", "Labels of the network", before, f"Network: {1000 * image.seconds:.0f} ms"),
        ("crf", "Labels after the CRF", refined.labels,
         f"CRF: {1000 * refined.seconds:.0f} ms, {changed}"),
    ]  # fmt: skip
    figures = [_figure("image", "Image", [base], f"{image.stem}, {width} x {height} pixels")]
    for name, title, labels, caption in stages:
        url = _url("png", labeller.encode(labels))
        painted = element("img", src=url, alt=title.lower(), class_="labels")
        link = element("a", "Download label PNG", href=url, download=f"{image.stem}.png")
        figures.append(_figure(name, title, [base, painted], caption, element("br"), link))
    for figure in figures:
        figure[1].set("style", f"aspect-ratio:{width}/{height};max-width:{58 * width / height}vh")
    legend = _legend(labeller.spec, before, refined.labels)
    return to_html(element("div", element("div", *figures, class_="figures"), legend))


def problem(message: str) -> str:
    """Renders what is wrong with an upload."""
    return to_html(element("p", message, class_="problem", role="alert"))


def hint(message: str) -> str:
    """Renders what to do first."""
    return to_html(element("p", message, class_="hint"))


def _figure(name: str, title: str, images: list[Element], *caption: Element | str) -> Element:
    stack = element("div", *images, class_="stack")
    below = element("figcaption", *caption)
    return element("figure", element("h3", title), stack, below, id=f"figure-{name}")


def _legend(spec: DatasetSpec, *stages: np.ndarray) -> Element:
    """Renders the classes with their shares of the pixels before and after the CRF."""
    counts = [np.bincount(labels.ravel(), minlength=spec.num_classes) for labels in stages]
    entries = []
    for i, (name, color) in enumerate(zip(spec.class_names, spec.palette, strict=True)):
        shares = [count[i] / stage.size for count, stage in zip(counts, stages, strict=True)]
        is_present = any(shares)
        text = " → ".join(shown(share, 1) for share in shares) + " %" if is_present else ""
        parts = [swatch(color), element("span", name, class_="name"), element("span", text)]
        entries.append(element("li", *parts, class_="present" if is_present else "absent"))
    return element("ul", *entries, class_="legend")


def _image_url(image: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=92)
    return _url("jpeg", stream.getvalue())


def _url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
