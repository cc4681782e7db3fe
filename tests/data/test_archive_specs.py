import pytest

from deeplab_tf.data.archive_specs import SPECS
from deeplab_tf.data.sources import SOURCES, open_source
from tests.data import archives


@pytest.mark.parametrize("name", ["voc12", "sbd"])
def test_the_classes_are_those_that_a_conversion_writes(tmp_path, name):
    getattr(archives, f"make_{name}")(tmp_path)
    assert open_source(name, tmp_path).spec == SPECS[name]


def test_numbers_of_classes_are_those_of_the_papers():
    # Background is a class of the first four; CamVid has eleven without void.
    counts = {"voc12": 21, "sbd": 21, "pascal_context": 60, "person_part": 7, "cityscapes": 19,
              "camvid": 11}  # fmt: skip
    assert {name: spec.num_classes for name, spec in SPECS.items()} == counts
    assert set(SPECS) < set(SOURCES)
