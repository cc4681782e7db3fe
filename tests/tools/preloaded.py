"""Draws the embedded scenes where the programs of tests are forked from, once for all of them."""

from deeplab_tf.data.synthetic import draw_scene, synthetic_spec

for split, count in synthetic_spec().splits.items():
    for index in range(count):
        draw_scene(split, index, 0)  # the arguments that `SyntheticSplit` gives: they are the key
