"""The training pipeline against a PyTorch DataLoader, and the cost of its single operations."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable

import tensorflow as tf

from benchmarks.input_operations import operation_costs
from benchmarks.input_torch import torch_loader
from deeplab_tf.data.augment import AugmentationPipeline
from deeplab_tf.data.pipeline import training_dataset
from deeplab_tf.data.split import Split, open_split
from deeplab_tf.data.voc_layout import VocSplit

AUGMENTATION = AugmentationPipeline("scale(0.5|0.75|1|1.25|1.5)|crop(321)|mirror")
PAD_COLOR = (122.675, 116.669, 104.008)
BATCH, WORKERS = 10, 2
# When to look at the memory: with full buffers and caches, then later on.
EPOCHS = (1, 5, 20)
# Batches at the start of a round that are not timed: they fill the buffers.
_LEAD = 4
ROW = "{:<44}{:>12}{:>10}{:>12}"


def run(data_dir: str, shards: str | None, repeats: int) -> dict:
    """Looks at the memory, times all pipelines in turn, then the operations.

    Args:
        data_dir: data set in PASCAL VOC layout.
        shards: the same data set as TFRecords, if there is one.
        repeats: rounds of which the median counts.

    Returns:
        Images a second of every pipeline, milliseconds of every operation, megabytes.

    Raises:
        ValueError: the data cannot serve as an example.
    """
    splits = _open_splits(data_dir, shards)
    memory = {
        cache: _resident_megabytes(splits["folder"], cache == "with cache")
        for cache in ("without cache", "with cache")
    }
    rates = _measure_rates(splits, repeats)
    costs = operation_costs(splits["folder"], AUGMENTATION, PAD_COLOR, BATCH)
    shares = _report_rates(rates, costs)
    for cache, marks in memory.items():
        sizes = ", ".join(f"{size:.0f} MB after {epoch}" for epoch, size in marks.items())
        print(f"resident memory {cache}, by epochs: {sizes}")
    return {
        "images_per_second": rates, "milliseconds": costs, "share_of_possible": shares,
        "resident_megabytes": memory,
    }  # fmt: skip


def _open_splits(data_dir: str, shards: str | None) -> dict[str, Split]:
    folder = open_split(data_dir, "train")
    if not isinstance(folder, VocSplit) or len(folder) <= _LEAD * BATCH:
        raise ValueError(
            f"{data_dir}: the peer reads a folder in PASCAL VOC layout with more than "
            f"{_LEAD * BATCH} training images; give one with --data_dir."
        )
    if shards is None:
        return {"folder": folder}
    records = open_split(shards, "train")
    if records.names != folder.names:
        raise ValueError(f"{shards}: other images than in {data_dir}; convert that folder.")
    return {"folder": folder, "TFRecords": records}


def _measure_rates(splits: dict[str, Split], repeats: int) -> dict[str, float | None]:
    """Returns the median images a second of every pipeline, all measured in every round."""
    batches = len(splits["folder"]) // BATCH
    sources: dict[str, Iterable | None] = {}
    for name, split in splits.items():
        for cache in (False, True):
            sources[f"{name}, decoded cache" if cache else name] = _pipeline(split, batches, cache)
    loader = torch_loader(splits["folder"], AUGMENTATION, PAD_COLOR, BATCH, WORKERS)
    rates = {name: [] for name in sources}
    if loader is not None:
        sources["PyTorch DataLoader"] = loader
        rates["PyTorch DataLoader"] = []
    for number in range(repeats + 1):
        for name, source in sources.items():
            rate = _rate(source, batches)
            if number > 0:  # the first round fills the caches
                rates[name].append(rate)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return medians if loader is not None else {**medians, "PyTorch DataLoader": None}


def _pipeline(split: Split, batches: int, cache: bool) -> tf.data.Dataset:
    return training_dataset(split, AUGMENTATION, PAD_COLOR, BATCH, steps=batches, cache=cache)


def _rate(source: Iterable, batches: int) -> float:
    iterator = iter(source)
    for _ in range(_LEAD):
        next(iterator)
    start = time.perf_counter()
    for _ in range(batches - _LEAD):
        next(iterator)
    return (batches - _LEAD) * BATCH / (time.perf_counter() - start)


def _report_rates(rates: dict[str, float | None], costs: dict[str, dict]) -> dict[str, float]:
    """Prints the table of rates; returns which share of the possible rate each reaches."""
    for title, operations in costs.items():
        print(f"\n{title}: milliseconds on one core")
        for name, value in operations.items():
            print(f"  {name:<42}{value:>8.3f}")
        print(f"  {'sum':<42}{sum(operations.values()):>8.3f}")
    cores, shares, peer = os.cpu_count(), {}, rates["PyTorch DataLoader"]
    print("\n" + ROW.format("pipeline", "images/s", "x PyTorch", "of possible"))
    for name, rate in rates.items():
        if rate is None:
            print(ROW.format(name, "torch is missing", "", ""))
            continue
        share = ""
        if name != "PyTorch DataLoader" and name.split(",")[0] == "folder":
            operations = costs["with cache" if "cache" in name else "without cache"]
            shares[name] = rate * sum(operations.values()) / 1000 / cores
            share = f"{100 * shares[name]:.0f} %"
        print(ROW.format(name, f"{rate:.0f}", f"{rate / peer:.2f}" if peer else "", share))
    return shares


def _resident_megabytes(split: Split, cache: bool) -> dict[int, float]:
    """Returns the process's memory after some numbers of epochs."""
    batches, sizes = len(split) // BATCH, {}
    iterator = iter(_pipeline(split, max(EPOCHS) * batches, cache))
    for epoch in range(1, max(EPOCHS) + 1):
        for _ in range(batches):
            next(iterator)
        if epoch in EPOCHS:
            sizes[epoch] = _resident()
    return sizes


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
