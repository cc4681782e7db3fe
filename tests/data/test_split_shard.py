import pytest

from deeplab_tf.data.split_shard import items_of_shard, parse_shard


@pytest.mark.parametrize(("count", "shards"), [(20, 8), (8, 8), (9, 2), (5, 1)])
def test_every_item_is_in_exactly_one_shard(count, shards):
    parts = [items_of_shard(range(count), (number, shards)) for number in range(1, shards + 1)]
    assert sorted(item for part in parts for item in part) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_the_second_of_eight_has_images_2_10_and_18():
    assert list(items_of_shard(range(1, 25), (2, 8))) == [2, 10, 18]


def test_without_a_shard_all_items_stay():
    assert items_of_shard([3, 4], None) == [3, 4]


@pytest.mark.parametrize("text", ["0/8", "9/8", "1/0", "0/0"])
def test_a_number_that_no_shard_has(text):
    with pytest.raises(ValueError, match=r"number from 1 to shards. Received: \(\d, \d\)"):
        parse_shard(text)


@pytest.mark.parametrize("text", ["", "2", "2/", "/8", "2/8/1", "-2/8", "2 / 8", "a/b", "2/٨"])
def test_a_text_that_is_no_shard(text):
    with pytest.raises(ValueError, match="must be NUMBER/SHARDS such as 2/8"):
        parse_shard(text)


def test_more_shards_than_items_are_refused():
    with pytest.raises(ValueError, match=r"3 images cannot be cut into 4 shards; give at most 3"):
        items_of_shard([1, 2, 3], (1, 4))
