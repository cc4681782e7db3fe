"""Contrast by the definition of the Web Content Accessibility Guidelines 2.1."""

import re

import numpy as np
import pytest

from deeplab_tf.evaluation.report.charts import SERIES_COLORS
from deeplab_tf.evaluation.report.style import STYLE

LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): ([^;]+);", block))
    for block in re.findall(r":root \{([^}]*)\}", STYLE)
)
MODES = pytest.mark.parametrize("mode", [LIGHT, {**LIGHT, **DARK}], ids=["light", "dark"])


def color(text):
    if text.startswith("#"):
        digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
        return np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)], float)
    return np.array(text.split(), float)


def luminance(rgb):
    share = rgb / 255
    linear = np.where(share <= 0.03928, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(first, second):
    darker, lighter = sorted([luminance(first), luminance(second)])
    return (lighter + 0.05) / (darker + 0.05)


@MODES
@pytest.mark.parametrize("text", ["text", "quiet"])
@pytest.mark.parametrize("background", ["page", "shade"])
def test_text_can_be_read(mode, text, background):
    assert contrast(color(mode[text]), color(mode[background])) >= 4.5


@MODES
def test_series_stand_out(mode):
    fills = re.findall(r"\.series\d \{ fill: (#\w+)", STYLE)
    assert len(set(fills)) == SERIES_COLORS
    assert min(contrast(color(fill), color(mode["shade"])) for fill in fills) >= 3


@MODES
@pytest.mark.parametrize("kind", ["right", "wrong"])
def test_figures_in_cells_can_be_read(mode, kind):
    for strength in np.linspace(0, 1, 101):
        cell = strength * color(mode[kind]) + (1 - strength) * color(mode["page"])
        assert contrast(color(mode["text"]), cell) >= 4.5, strength
