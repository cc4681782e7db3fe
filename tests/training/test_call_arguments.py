import pytest

from deeplab_tf.training.call_arguments import parse_call_arguments


@pytest.mark.parametrize(
    ("text", "unnamed", "named"),
    [
        ("", [], {}),
        (" 1 ", [1], {}),
        ("'a, b)', x=-1e-3", ["a, b)"], {"x": -1e-3}),
        ("a=(1, 2), b=[None, {'c': True}]", [], {"a": (1, 2), "b": [None, {"c": True}]}),
    ],
)
def test_values_with_and_without_names(text, unnamed, named):
    assert parse_call_arguments(text, "x=1") == (unnamed, named)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x=y", "y is no number, text or the like"),
        ("x=print('run')", r"print\('run'\) is no number"),
        ("*[1]", r"\*\[1\] is no number"),
        ("{[]: 1}", r"\{\[\]: 1\} is no number"),
        ("**{'a': 1}", "a value without a name"),
        ("a=1, a=2", "a name occurs twice"),
        ("1)(2", "parentheses do not match"),
        ("1) + f(2", "parentheses do not match"),
        ("x=", "invalid syntax"),
        ("x=1, 2", "positional argument follows keyword argument"),
        ("(" * 10_000, ""),
        ("-" * 100_000 + "1", ""),
    ],
)
def test_what_is_something_else_is_refused_and_not_run(text, reason, capsys):
    with pytest.raises(ValueError, match=rf"^arguments look like 'x=1' \(.*{reason}"):
        parse_call_arguments(text, "x=1")
    assert capsys.readouterr().out == ""
