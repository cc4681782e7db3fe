"""What the values of flags are made of, and what is wrong with them."""

from __future__ import annotations

import os

from absl import flags

from deeplab_tf.data.paths import expand_path, is_address, is_pattern
from deeplab_tf.data.spec import SYNTHETIC
from deeplab_tf.data.split_shard import parse_shard
from deeplab_tf.pretrained.trained_presets import preset_of


def is_there(path: str) -> bool:
    """Returns whether there is a file or folder, or the path is a pattern, which may have some."""
    return os.path.exists(path) or is_pattern(path)


class PathParser(flags.ArgumentParser):
    """Reads the path of a file or folder, or a pattern of paths; see `expand_path`.

    Args:
        missing: what is said of a path at which there is nothing; None takes any path.
    """

    def __init__(self, missing: str | None = None):
        self._missing = missing

    def parse(self, argument: str) -> str:
        """Returns the path; a ValueError says what is wrong with it."""
        path = expand_path(argument)
        if self._missing and not is_there(path):
            raise ValueError(self._missing)
        return path


class NetworkParser(PathParser):
    """Reads the path of a trained network, or `preset:NAME`."""

    def parse(self, argument: str) -> str:
        """Returns the path or the preset; a ValueError says what is wrong with it."""
        return argument if preset_of(argument) else super().parse(argument)


class DataDirParser(PathParser):
    """Reads the folder of a data set, or the word synthetic."""

    def parse(self, argument: str) -> str:
        """Returns the folder or the word; a ValueError says what is wrong with it."""
        return argument if argument == SYNTHETIC else super().parse(argument)


class PlaceParser(flags.ArgumentParser):
    """Reads a path as `PathParser` does, or the address of an object store."""

    def parse(self, argument: str) -> str:
        """Returns the path or address; a ValueError says what is wrong with it."""
        return argument if is_address(argument) else expand_path(argument)


class TextParser(flags.ArgumentParser):
    """Reads a text that must not be empty."""

    def parse(self, argument: str) -> str:
        """Returns the text; a ValueError says that it is empty."""
        if not argument.strip():
            raise ValueError("is empty; give a value, or leave the flag out")
        return argument


class ShardParser(flags.ArgumentParser):
    """Reads a shard such as 2/8; see `parse_shard`."""

    syntactic_help = "NUMBER/SHARDS, such as 2/8"

    def parse(self, argument: str | tuple[int, int]) -> tuple[int, int]:
        """Returns number and shards; a ValueError says what is wrong."""
        return parse_shard(argument) if isinstance(argument, str) else argument


class CrfParser(flags.ArgumentParser):
    """Turns the three spellings of --crf into False, True or a path."""

    syntactic_help = "a JSON file of CRF parameters, or nothing for the model's own"

    def parse(self, argument: str | bool) -> str | bool:
        """Returns whether there is a CRF, or the path of its parameters."""
        words = {"true": True, "1": True, "false": False, "0": False}
        if isinstance(argument, bool):
            return argument
        word = words.get(argument.lower())
        return expand_path(argument) if word is None else word
