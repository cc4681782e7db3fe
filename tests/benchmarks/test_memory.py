import pytest

from benchmarks import memory
from benchmarks.tables import render
from tests.benchmarks.test_tables import MACHINE, cells


def test_no_two_images_have_the_same_size():
    found = memory.sizes(300)
    assert len(set(found)) == 300
    assert all(
        low <= side <= high for size in found for side in size for low, high in [memory.SIDES]
    )


@pytest.mark.slow
def test_every_way_is_followed_and_builds_its_graphs_once(monkeypatch):
    monkeypatch.setattr(memory, "WAYS", ("Predictor", "demo"))
    results = memory.run(images=3)
    for row in results["rows"]:
        first, others = row["graphs"]
        assert first > 0 and others == 0, row
        assert len(row["megabytes"]) == 3 and min(row["megabytes"]) > 100
    table = cells(render({"suite": "memory", "machine": MACHINE, **results}))
    assert [line[0] for line in table[-2:]] == ["Predictor", "demo"]
