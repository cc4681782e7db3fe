"""Caffe's Interp layer in NumPy: bilinear between aligned corners."""

import numpy as np


def interp_matrix(size_in, size_out):
    """Caffe's Interp along one axis: rows are output positions."""
    ratio = (size_in - 1) / (size_out - 1) if size_out > 1 else 0.0
    matrix = np.zeros((size_out, size_in))
    for row in range(size_out):
        place = ratio * row
        left = min(int(place), size_in - 1)
        part = place - left
        matrix[row, left] += 1 - part
        matrix[row, min(left + 1, size_in - 1)] += part
    return matrix


def interp(x, height, width):
    rows, columns = interp_matrix(x.shape[1], height), interp_matrix(x.shape[2], width)
    return np.einsum("yh,bhxc->byxc", rows, np.einsum("bhwc,xw->bhxc", x, columns))
