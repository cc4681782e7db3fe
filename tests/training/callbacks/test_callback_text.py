import sys

import keras
import pytest

from deeplab_tf.training.callbacks import CALLBACKS, parse_callbacks
from deeplab_tf.training.callbacks.callback_text import build_callback
from tests.training.callbacks.stand_ins import Mlflow, build_wandb


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", build_wandb())
    monkeypatch.setitem(sys.modules, "mlflow", Mlflow().module)


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """A file of a user in the current folder."""
    (tmp_path / "own_callbacks.py").write_text(
        "import keras\n"
        "class Counter(keras.callbacks.Callback):\n"
        "    def __init__(self, start=0, file=''):\n"
        "        super().__init__()\n"
        "        self.start, self.file = start, file\n"
        "class Slower(keras.callbacks.LearningRateScheduler):\n"
        "    def __init__(self):\n"
        "        super().__init__(lambda epoch, rate: rate / 2)\n"
        "class Outer:\n"
        "    class Inner(keras.callbacks.Callback):\n"
        "        pass\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield
    sys.modules.pop("own_callbacks", None)


def parsed(text):
    return [(call.name, call.unnamed, call.named) for call in parse_callbacks(text)]


def built(text, workdir="RUN"):
    return [build_callback(call, CALLBACKS, workdir) for call in parse_callbacks(text)]


def refusal(text):
    with pytest.raises(ValueError) as error:
        built(text)
    assert "\n" not in str(error.value)
    return str(error.value)


# === The text ===


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_no_text_is_no_callback(text):
    assert parsed(text) == []


def test_callbacks_stand_in_their_order():
    text = (
        "csv_logger('log.csv')|wandb(project='streets') | m.n:My.Own(patience=3)|\nTerminateOnNaN"
    )
    assert parsed(text) == [
        ("csv_logger", ["log.csv"], {}),
        ("wandb", [], {"project": "streets"}),
        ("m.n:My.Own", [], {"patience": 3}),
        ("TerminateOnNaN", [], {}),
    ]


def test_signs_in_quotes_and_parentheses_separate_nothing():
    text = "CSVLogger('a|b(.csv', separator=\"|\")|mlflow(tags={'a|b': ')'})"
    assert parsed(text) == [
        ("CSVLogger", ["a|b(.csv"], {"separator": "|"}),
        ("mlflow", [], {"tags": {"a|b": ")"}}),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wandb||mlflow", "with | between them, such as"),
        ("|", "Received: ''"),
        ("wandb,mlflow", "Received: 'wandb,mlflow'"),
        ("a:b:c", "Received: 'a:b:c'"),
        (":C", "Received: ':C'"),
        ("3", "Received: '3'"),
        ("CSVLogger('log.csv'", "parentheses or quotes do not match"),
        ("CSVLogger('log.csv')) ", "match"),  # Python's own words from 3.12 on
        ("CSVLogger('log.csv", "parentheses or quotes do not match"),
        ("CSVLogger('a')(1)", "'CSVLogger('a')(1)': arguments look like"),
        ("CSVLogger(open('x'))", "open('x') is no number, text or the like"),
        ("wandb|mlflow|wandb()", "wandb can be there once"),
        ("mlflow|wandb|mlflow|wandb", "mlflow can be there once"),
    ],
)
def test_other_texts_are_refused(text, message):
    assert message in refusal(text).replace('"', "'").replace("\\'", "'")


def test_what_is_no_text_is_refused():
    with pytest.raises(ValueError, match=r"callbacks are a text .* Received: \['wandb'\]"):
        parse_callbacks(["wandb"])


# === Names and arguments ===


@pytest.mark.parametrize("name", ["CSVLogger", "csv_logger"])
def test_keras_classes_have_their_name_in_both_spellings(name):
    (callback,) = built(f"{name}('log.csv', append=True)")
    assert type(callback) is keras.callbacks.CSVLogger
    assert (callback.filename, callback.append) == ("log.csv", True)


@pytest.mark.parametrize("name", ["Unknown", "Callback", "CallbackList", "EarlyStoping"])
def test_an_unknown_name_is_refused_with_those_there_are(name):
    message = refusal(f"{name}()")
    assert message.startswith(
        f"'{name}()': there is no callback '{name}'; there are mlflow, wandb, "
    )
    assert "CSVLogger, EarlyStopping, ModelCheckpoint" in message and "MODULE:CLASS" in message
    assert "ReduceLROnPlateau" not in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "wandb(projct='a')",
            "unexpected keyword argument 'projct'; it takes project, entity, name",
        ),
        ("CSVLogger()", "missing a required argument: 'filename'; it takes filename, separator"),
        ("CSVLogger('a', ';', True, 3)", "too many positional arguments"),
        ("mlflow('a', experiment='b')", "multiple values for argument 'experiment'"),
    ],
)
def test_arguments_that_it_does_not_take_are_refused_before_any_work(text, message):
    with pytest.raises(ValueError) as error:
        parse_callbacks(text)
    assert f"{text!r}: " in str(error.value) and message in str(error.value)


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, name):
    monkeypatch.setattr(CALLBACKS[name], "package", "no_such_package")
    with pytest.raises(ValueError) as error:
        parse_callbacks(f"CSVLogger('a')|{name}()")
    assert str(error.value) == (
        f"'{name}()': {name} needs the package 'no_such_package': pip install 'deeplab_tf[{name}]'"
    )


def test_workdir_stands_for_the_folder_of_the_run(own_module):
    first, second = built(
        "CSVLogger('{workdir}/log.csv')|own_callbacks:Counter(file='{workdir}/a')"
    )
    assert (first.filename, second.file) == ("RUN/log.csv", "RUN/a")


# === Classes of users ===


def test_a_class_in_the_current_folder_is_found(own_module):
    first, second = built("own_callbacks:Counter(start=3)|own_callbacks:Outer.Inner")
    assert (type(first).__name__, first.start) == ("Counter", 3)
    assert type(second).__qualname__ == "Outer.Inner"


def test_reading_the_text_imports_nothing(own_module):
    parse_callbacks("own_callbacks:Counter()|no_such_module:Class()")
    assert "own_callbacks" not in sys.modules


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no_such_module:Own", "there is no module 'no_such_module'. It is looked for in"),
        ("own_callbacks.part:Own", "there is no module 'own_callbacks.part'"),
        ("own_callbacks:Missing", "own_callbacks has no class 'Missing' that is a keras.callbacks"),
        ("own_callbacks:number", "own_callbacks has no class 'number' that is"),
        ("own_callbacks:Outer", "own_callbacks has no class 'Outer' that is"),
        ("os:system('ls')", "os has no class 'system' that is"),
        ("own_callbacks:Counter(steps=3)", "unexpected keyword argument 'steps'"),
        ("own_callbacks:Slower", "a LearningRateScheduler cannot work in a run: the learning rate"),
        ("keras.callbacks:History", "a History cannot work in a run: metrics.jsonl"),
    ],
)
def test_what_is_no_callback_of_the_users_is_refused(own_module, text, message):
    found = refusal(text)
    assert found.startswith("train.callbacks: ") and text in found and message in found


def test_a_module_that_a_users_module_misses_is_not_taken_for_it(own_module, tmp_path):
    (tmp_path / "own_broken.py").write_text("import package_that_is_missing\n")
    with pytest.raises(ModuleNotFoundError, match="'package_that_is_missing'"):
        built("own_broken:Own")
