"""What workers exchange and compute, against numbers that are known."""

import pytest

from benchmarks import scaling
from benchmarks.tables import render
from tests.benchmarks.test_tables import MACHINE, cells


def test_a_ring_sends_nearly_twice_the_gradient(monkeypatch):
    monkeypatch.setattr(scaling, "WORKERS", 2)  # of two each sends half, and the sums of half
    monkeypatch.setattr(scaling, "SPEED", 8e9)
    monkeypatch.setattr(scaling, "CROPS", 2)
    # 1.25e9 bytes at 10 Gbit/s are a second, and so are two crops of 4e9 operations.
    assert scaling.speed_up_share(1_250_000_000, 4e9, 10) == pytest.approx(0.5)
    assert scaling.speed_up_share(1_250_000_000, 4e9, 30) == pytest.approx(0.75)


@pytest.mark.slow
def test_a_network_of_the_zoo():
    results = scaling.run(["voc12_vgg16_large_fov"])
    (row,) = results["rows"]
    # Of the released network, with crops of 321 pixels.
    assert (row["weights"], row["side"]) == (20_505_429, 321)
    # Side of the map, input channels times taps, output channels of conv1_1 ... fc8.
    layers = [
        (321, 3 * 9, 64), (321, 64 * 9, 64), (161, 64 * 9, 128), (161, 128 * 9, 128),
        (81, 128 * 9, 256), *[(81, 256 * 9, 256)] * 2, (41, 256 * 9, 512),
        *[(41, 512 * 9, 512)] * 5, (41, 512 * 9, 1024), (41, 1024, 1024), (41, 1024, 21),
    ]  # fmt: skip
    assert row["operations"] == 6 * sum(side**2 * taps * filters for side, taps, filters in layers)
    assert sorted(row["shares"].values()) == list(row["shares"].values())
    table = cells(render({"suite": "scaling", "machine": MACHINE, **results}))
    assert table[-1][:4] == ["`voc12_vgg16_large_fov`", "321", "20.5", "82"]
