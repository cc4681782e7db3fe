import numpy as np
import pytest

from deeplab_tf.crf import CrfParameters
from deeplab_tf.data.spec import DatasetSpec
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.models.new_classifier import with_classes
from tests.models.narrow import narrow_model, noise_images

pytestmark = pytest.mark.usefixtures("shallow")

THREE = DatasetSpec("three", ("sky", "road", "car"), ignore_label=200)
OTHERS = DatasetSpec("others", ("sky", "road", "tree"))
IMAGES = noise_images(17, 20)
# Options -> the layers whose channels are classes.
CLASSIFIERS = {
    "large_fov": ({}, {"fc8"}),
    "msc_features": ({"msc_features": True}, {"fc8", *(f"msc{i}_fc8" for i in range(5))}),
    "aspp": ({"head": "aspp_s"}, {f"fc8_{i}" for i in (1, 2, 3, 4)}),
    "resnet": (
        {"backbone": "resnet50", "head": "aspp_l", "width": 0.05, "batch_norm": "train"},
        {f"fc1_c{i}" for i in range(4)},
    ),
    # As many channels in fc7 as there are classes.
    "same_width": ({"fc6_filters": 30}, {"fc8"}),
}


def differing(model, other):
    theirs = other.variables_by_name()
    pairs = [(n, np.asarray(v.numpy()), theirs[n].numpy()) for n, v in named(model).items()]
    return {n for n, mine, other in pairs if not np.array_equal(mine, other)}


def named(model):
    return model.variables_by_name()


@pytest.mark.slow
@pytest.mark.parametrize(("options", "layers"), CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_all_but_the_classifier_is_kept(options, layers):
    model = narrow_model(**options)
    new, report = with_classes(model, num_classes=4)
    assert {name.split("/")[0] for name in report.names("new")} == layers
    assert new(IMAGES).shape == (*IMAGES.shape[:3], 4)
    kept = set(report.names("loaded"))
    assert kept == set(named(model)) - set(report.names("new")) and not report.names("skipped")
    theirs = named(new)
    for name in kept:
        np.testing.assert_array_equal(theirs[name].numpy(), named(model)[name].numpy())
    same = {**model.get_config(), "num_classes": 4, "dataset": None}
    assert new.get_config() == same


@pytest.mark.parametrize("options", [{}, {"fc6_filters": 30}], ids=["large_fov", "same_width"])
def test_other_names_make_another_classifier(options):
    model = narrow_model(dataset=THREE, **options)
    new, report = with_classes(model, dataset=OTHERS)
    assert report.names("new") == ["fc8/kernel", "fc8/bias"]
    assert "fc8/kernel" in differing(model, new) and new.spec == OTHERS


def test_the_same_classes_keep_the_classifier():
    model = narrow_model(dataset=THREE)
    renamed = DatasetSpec("elsewhere", THREE.class_names)
    unnamed = narrow_model()
    for source, arguments, spec in (
        (model, {"num_classes": 3}, THREE),
        (model, {"dataset": renamed.to_dict()}, renamed),
        (unnamed, {"dataset": THREE}, THREE),
    ):
        new, report = with_classes(source, **arguments)
        assert new.spec == spec and new is not source
        assert not report.names("new") and not differing(source, new)


def test_the_penalties_of_the_old_classes_go():
    crf = {"iterations": 3, "compatibility": [[0.0, 1.5, 1], [1.5, 0.0, 1], [1, 1, 0]]}
    model = DeepLab(num_classes=3, width=0.05, crf=crf)
    new, _ = with_classes(model, num_classes=4)
    assert new.crf == {"iterations": 3, "compatibility": "potts"}
    assert with_classes(model, num_classes=3)[0].crf == crf
    potts = CrfParameters(iterations=2).to_dict()
    model = DeepLab(num_classes=3, width=0.05, crf=potts)
    assert with_classes(model, num_classes=4)[0].crf == potts


def test_precision_stays():
    model = narrow_model(dtype="mixed_bfloat16")
    new, report = with_classes(model, num_classes=4)
    assert new.backbone.compute_dtype == "bfloat16" and report.names("new")


def test_classes_that_contradict_each_other():
    model = narrow_model()
    with pytest.raises(ValueError, match="needs num_classes, or a dataset"):
        with_classes(model)
    with pytest.raises(ValueError, match="num_classes=4 contradicts the data set 'three'"):
        with_classes(model, 4, THREE)
    with pytest.raises(ValueError, match="num_classes must be"):
        with_classes(model, 0)
