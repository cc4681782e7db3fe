import contextlib
from unittest import mock

import pytest
import tensorflow as tf

from deeplab_tf import precision
from deeplab_tf.precision import POLICIES, choose_precision, explain_precision


@pytest.fixture
def chosen_anew():
    """`auto` is decided once a process; here for every test, and again for what comes after."""
    precision._fastest.cache_clear()
    yield
    precision._fastest.cache_clear()


@contextlib.contextmanager
def machine(gain=1.0, capabilities=()):
    """A machine whose bfloat16 is so many times as fast, with GPUs of some capabilities."""
    details = {
        f"GPU:{i}": {"compute_capability": c} if c else {} for i, c in enumerate(capabilities)
    }
    with (
        mock.patch.object(precision, "bfloat16_gain", lambda: gain),
        mock.patch.object(tf.config, "list_physical_devices", lambda kind: list(details)),
        mock.patch.object(tf.config.experimental, "get_device_details", details.__getitem__),
    ):
        yield


@pytest.mark.parametrize("name", POLICIES)
def test_a_name_is_taken_as_it_is(name):
    assert choose_precision(name) == name
    assert str(explain_precision(name)) == f"precision: {name} (as asked for)"


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"must be one of .*'auto'.* precision='half'"):
        choose_precision("half")


@pytest.mark.usefixtures("chosen_anew")
@pytest.mark.parametrize(
    ("gain", "capabilities", "wanted"),
    [
        (1.49, (), "float32"),
        (1.5, (), "bfloat16"),
        (9.0, [(6, 1)], "float32"),
        (1.0, [(7, 0)], "float16"),
        (1.0, [(8, 0), (9, 0)], "bfloat16"),
        (1.0, [(9, 0), (7, 5)], "float16"),
        (1.0, [None], "float32"),
    ],
)
def test_auto_is_what_the_machine_is_fast_in(gain, capabilities, wanted):
    with machine(gain, capabilities):
        assert choose_precision("auto") == wanted


@pytest.mark.usefixtures("chosen_anew")
def test_the_reason_names_the_figure():
    with machine(gain=3.21):
        assert str(explain_precision("auto")) == (
            "precision: bfloat16 (this CPU's bfloat16 convolutions are 3.2 times as fast)"
        )


def test_the_gain_is_that_of_convolutions():
    """A convolution that waits shows in the gain; how fast this machine is does not matter."""
    seconds = {"float32": 0.6, "bfloat16": 0.2}
    precision.bfloat16_gain.cache_clear()
    with mock.patch.object(precision, "_seconds_of_convolution", seconds.__getitem__):
        assert precision.bfloat16_gain() == pytest.approx(3)
    precision.bfloat16_gain.cache_clear()
    assert 0 < precision._seconds_of_convolution("bfloat16") < 60
