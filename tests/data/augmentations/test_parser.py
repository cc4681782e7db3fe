import pytest

from deeplab_tf.data.augmentations import OPERATIONS
from deeplab_tf.data.augmentations.argument import Argument, Values
from deeplab_tf.data.augmentations.parser import parse_operations


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("crop(321)", "crop(321)"),
        (" scale( 0.50 | .75|1.0 )|crop(9) | mirror()", "scale(0.5|0.75|1)|crop(9)|mirror"),
        ("scale(0.5 .. 1.5)|crop(1e2)", "scale(0.5..1.5)|crop(100)"),
        ("rotate(-5..20)|blur(0)", "rotate(-5..20)|blur(0)"),
        ("color_jitter(0.2, 0.1,0)", "color_jitter(0.2,0.1,0)"),
        ("scale(0.1234567890123)|crop(16383)", "scale(0.1234567890123)|crop(16383)"),
    ],
)
def test_what_is_written_reads_the_same(text, written):
    operations = parse_operations(text)
    assert "|".join(map(str, operations)) == written
    assert parse_operations(written) == operations
    assert {type(operation) for operation in operations} <= set(OPERATIONS.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale(2)|trun(3)", r"no operation 'trun'; there are: scale, crop, mirror, .*'trun\(3\)'"),
        ("", r"must be NAME or NAME\(ARGUMENTS\).* Received: ''"),
        ("crop(9)||mirror", "Received: ''"),
        ("crop(9", r"Received: 'crop\(9'"),
        ("crop(9)mirror", r"Received: 'crop\(9\)mirror'"),
        ("scale((2))", r"Received: 'scale\(\(2\)\)'"),
        ("crop", r"Write crop\(side\)\. Received: 'crop'"),
        ("crop(2,3)", r"Write crop\(side\)\. Received: 'crop\(2,3\)'"),
        ("mirror(1)", r"Write mirror\. Received: 'mirror\(1\)'"),
        ("color_jitter()", r"Write color_jitter\(brightness, contrast \(optional\), saturation"),
        ("crop(999999993)", r"crop: side must be a whole number from 1 to 16384"),
        ("crop(0)", r"crop: side must be a whole number from 1 to 16384\. .*'crop\(0\)'"),
        ("crop(1.5)", "crop: side must be a whole number"),
        ("crop(1|2)", "crop: side must be a whole number"),
        ("crop(2147483648)", "crop: side must be a whole number"),
        ("scale(x)", "scale: factor must be a number above 0, choices such as 1|2 or a range"),
        ("scale(0.5|0)", "scale: factor must be .*Received: '0.5|0'"),
        ("scale(2..1)", "scale: factor must be .*Received: '2..1'"),
        ("scale(1..2..3)", "scale: factor must be"),
        ("scale(inf)", "scale: factor must be"),
        ("scale(1e999)", "scale: factor must be"),
        ("scale(nan)", "scale: factor must be"),
        ("rotate(361)", "rotate: degrees must be a number from -360 to 360"),
        ("color_jitter(1.1)", "color_jitter: brightness must be a number from 0 to 1. Received"),
        ("blur(-1)", "blur: sigma must be a number from 0 to 20"),
        (321, "must be a text such as 'scale.*Received: 321"),
    ],
)
def test_errors_name_the_operation_and_what_it_takes(text, message):
    with pytest.raises(ValueError, match=message) as error:
        parse_operations(text)
    assert "\n" not in str(error.value)


def test_choices_are_drawn_evenly_and_ranges_to_their_ends():
    draws = [n / 12 for n in range(12)]
    choices = [float(Values((0.5, 1.0, 2.0)).draw(u)) for u in draws]
    assert choices == [0.5] * 4 + [1.0] * 4 + [2.0] * 4
    assert float(Values((7.0,)).draw(0.99)) == 7.0
    assert float(Values((1.0, 3.0), is_range=True).draw(0.5)) == 2.0
    assert float(Values((7.0,)).draw(0.25, single=(-8.0, 8.0))) == -4.0
    assert float(Values((1.0, 2.0)).draw(0.75, single=(-8.0, 8.0))) == 2.0


def test_an_argument_says_what_it_takes():
    assert Argument("n", 1, above=True).wanted == "a number above 1"
    assert Argument("n", 0, 3, above=True).wanted == "a number above 0 and at most 3"
    assert Argument("n", 1, whole=True).wanted == "a whole number from 1"


def test_operations_are_called_by_their_own_names():
    assert {name: kind.name for name, kind in OPERATIONS.items()} == {n: n for n in OPERATIONS}
