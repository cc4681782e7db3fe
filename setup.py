"""Adds the configs of zoo/ to the wheel, as deeplab_tf/zoo; setup.cfg holds everything else."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["deeplab_tf", "deeplab_tf.*"]), "deeplab_tf.zoo"],
    package_dir={"deeplab_tf.zoo": "zoo"},
)
