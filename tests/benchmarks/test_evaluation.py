import pytest

import deeplab_tf
from benchmarks import evaluation
from deeplab_tf.data.synthetic import SyntheticSplit

pytestmark = pytest.mark.usefixtures("shallow_vgg")


def test_both_sides_label_the_same_images(monkeypatch, capsys):
    monkeypatch.setattr(evaluation, "IMAGES", 3)
    split = SyntheticSplit("val", examples=4)
    labelled = []
    answer = deeplab_tf.Predictor.predict_stages

    def watched(predictor, image):
        labelled.append(image.tobytes())
        return answer(predictor, image)

    monkeypatch.setattr(deeplab_tf.Predictor, "predict_stages", watched)
    results = evaluation.run(deeplab_tf.DeepLab(dataset=split.spec, width=0.05), split, repeats=1)
    assert list(results) == ["without CRF", "with CRF"]
    for row in results.values():
        assert row["bare"] > 0 and row["evaluate"] > 0
        assert row["overhead"] == pytest.approx(row["evaluate"] / row["bare"] - 1)
    # For each: two to warm up, one bare, three by evaluate, the other two bare.
    for found in (labelled[:8], labelled[8:]):
        bare = [*found[2:3], *found[6:]]
        assert bare == found[3:6] and len(set(bare)) == 3
    assert "overhead" in capsys.readouterr().out
