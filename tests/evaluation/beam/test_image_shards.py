import pytest

from deeplab_tf.evaluation.beam.image_shards import cut_into_shards
from deeplab_tf.evaluation.beam.input_images import FolderImages


@pytest.mark.parametrize(("count", "most"), [(1, 1), (10, 3), (10, 10), (10, 99), (1000, 128)])
def test_shards_hold_every_image_once_and_are_about_as_large(count, most):
    names = [f"{number}.jpg" for number in range(count)]
    shards = cut_into_shards(FolderImages("/in", names), most)
    assert [ref.name for shard in shards for ref in shard.part] == names
    assert [shard.number for shard in shards] == list(range(-(-count // most)))
    sizes = [shard.images for shard in shards]
    assert sizes == [len(list(shard.part)) for shard in shards]
    assert max(sizes) <= most and max(sizes) - min(sizes) <= 1
