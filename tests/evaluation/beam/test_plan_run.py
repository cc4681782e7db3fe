import pytest

import deeplab_tf
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.evaluation.beam.dead_letters import dead_letter, write_dead_letters
from deeplab_tf.evaluation.beam.plan_run import plan_run
from tests.data.archives import save_image

pytestmark = pytest.mark.usefixtures("shallow_vgg")
SPEC = DatasetSpec("pets", ("background", "cat", "dog"))


@pytest.fixture(scope="module")
def predictor():
    return deeplab_tf.Predictor(deeplab_tf.DeepLab(dataset=SPEC, width=0.05))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(5):
        save_image(tmp_path / f"in/{number}.png", number)
    return tmp_path


def plan(output="out", **options):
    return plan_run("in", output, log=lambda line: None, **options)


@pytest.mark.parametrize(("most", "sizes"), [(128, [5]), (2, [1, 2, 2]), (3, [2, 3]), (1, [1] * 5)])
def test_every_image_is_in_one_shard_of_about_the_same_size(here, most, sizes):
    shards = plan(images_per_shard=most).shards
    assert [shard.images for shard in shards] == sizes == [len(list(s.part)) for s in shards]
    names = [ref.name for shard in shards for ref in shard.part]
    assert names == [f"{number}.png" for number in range(5)]
    assert [shard.number for shard in shards] == list(range(len(sizes)))


def test_a_folder_takes_shards_under_a_name_of_their_own(here):
    (here / "there").mkdir()
    for output in ("new/", "there"):
        files = plan(output, format="tfrecord").files
        assert files.output == f"{output.rstrip('/')}/labels"
        assert files.for_workers().output == f"{here}/{output.rstrip('/')}/labels"
    assert plan("new", format="tfrecord").files.output == "new"


def test_dead_letters_of_an_earlier_run_go_when_a_new_one_starts(here, predictor):
    """Broken images have no label, so that each is tried again."""
    first, other = plan(images_per_shard=2), plan(images_per_shard=3)
    letter = [dead_letter("x", "x", "cut off")]
    for planned in (first, other):
        write_dead_letters(planned.files.dead_letters(1), letter)
    theirs = here / "out/dead_letters-00001-of-00009.jsonl"
    theirs.write_text("mine")
    first.start(first.describe(predictor))
    assert list((here / "out").iterdir()) == [theirs]


def test_overwrite_removes_all_shards_of_earlier_runs(here, predictor):
    for options in ({"images_per_shard": 2}, {"images_per_shard": 5, "overwrite": True}):
        planned = plan("out/x", format="tfrecord", **options)
        planned.start(planned.describe(predictor))
        for number in range(len(planned.shards)):
            (here / planned.files.records(number)).write_text("records")
            write_dead_letters(planned.files.dead_letters(number), [dead_letter("x", "x", "cut")])
    assert {path.name for path in (here / "out").iterdir()} == {
        "x.json", "x-00000-of-00001.tfrecord", "x-dead_letters-00000-of-00001.jsonl",
    }  # fmt: skip


def test_resume_keeps_shards_of_the_same_run_and_refuses_others(here, predictor):
    planned = plan("out/x", format="tfrecord", images_per_shard=2)
    planned.start(planned.describe(predictor))
    (here / planned.files.records(0)).write_text("records")
    again = plan("out/x", format="tfrecord", images_per_shard=2, resume=True)
    again.start(again.describe(predictor))
    assert (here / planned.files.records(0)).read_text() == "records"
    (here / "in/9.png").write_bytes((here / "in/0.png").read_bytes())
    other = plan("out/x", format="tfrecord", images_per_shard=2, resume=True)
    with pytest.raises(ValueError, match=r"of another run \(it differs in images, names\)"):
        other.start(other.describe(predictor))
    flipped = deeplab_tf.Predictor(predictor.model, flip=True)
    (here / "in/9.png").unlink()
    with pytest.raises(ValueError, match=r"it differs in predictor"):
        again.start(again.describe(flipped))


def test_what_is_there_is_refused_before_any_work(here):
    (here / "out").mkdir()
    (here / "out/0.png").write_text("mine")
    with pytest.raises(ValueError, match=r"out/0\.png is there and this program did not write it"):
        plan()
