import pytest

from deeplab_tf.training.losses import LOSSES, parse_loss
from deeplab_tf.training.losses.cross_entropy import CrossEntropy
from deeplab_tf.training.losses.dice import Dice
from deeplab_tf.training.losses.focal import Focal

EVERY_LOSS = ", ".join(sorted(LOSSES))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("cross_entropy", [(1.0, CrossEntropy())]),
        (" focal ( gamma = 1 ) ", [(1.0, Focal(1))]),
        ("cross_entropy(class_weights=inverse_frequency)",
         [(1.0, CrossEntropy("inverse_frequency"))]),
        ("cross_entropy(class_weights=[1, 0.5])", [(1.0, CrossEntropy((1, 0.5)))]),
        ("cross_entropy(class_weights=None)", [(1.0, CrossEntropy())]),
        ("2*dice+1e-1*focal(gamma=1e+0)+cross_entropy()",
         [(2.0, Dice()), (0.1, Focal(1.0)), (1.0, CrossEntropy())]),
    ],
)  # fmt: skip
def test_what_a_text_stands_for(text, wanted):
    loss = parse_loss(text)
    assert [(term.factor, term.loss) for term in loss.terms] == wanted
    assert parse_loss(loss.describe()).terms == loss.terms


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1*dice + 0.50 * focal(gamma=2.0)", "dice + 0.5*focal"),
        ("ohem(threshold=0.7,share=.1)", "ohem(share=0.1, threshold=0.7)"),
        ("focal(class_weights=[1, 2])", "focal(class_weights=(1, 2))"),
    ],
)
def test_the_log_shows_it_in_one_form(text, canonical):
    assert parse_loss(text).describe() == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a sum of losses such as 'focal"),
        ("dice +", "not a sum of losses such as"),
        ("dice dice", "not a sum of losses such as"),
        ("(" * 300, "not a sum of losses such as"),
        ("-" * 1500 + "dice", "not a sum of losses such as|is not a loss"),
        ("dise", f"there is no loss 'dise'; there are {EVERY_LOSS}"),
        ("dice + dise(x=1)", f"there is no loss 'dise'; there are {EVERY_LOSS}"),
        ("dice - lovasz", "'dice - lovasz' is not a loss"),
        ("dice*0.5", "a factor must be a number above 0.*Received: dice"),
        ("-1*dice", "a factor must be a number above 0.*Received: -1"),
        ("0*dice", "a factor must be a number above 0.*Received: 0"),
        ("True*dice", "a factor must be a number above 0.*Received: True"),
        (f"1{'0' * 400}*dice", "a factor must be a number above 0"),
        ("3", "'3' is not a loss"),
        ("losses.dice", "'losses.dice' is not a loss"),
        ("__import__('os').system('true')", r"arguments need their names"),
        ("dice().value", r"'dice\(\).value' is not a loss"),
        ("focal(2)", r"'focal\(2\)': arguments need their names"),
        ("focal(**{'gamma': 2})", "arguments need their names"),
        ("focal(gama=2)", "focal takes gamma, class_weights. Received: gama=2"),
        ("dice(smooth=1)", "dice takes no arguments. Received: smooth=1"),
        ("focal(gamma=print())", r"'gamma=print\(\)': a value is a number"),
        ("focal(gamma=-1)", "focal: gamma must be a finite .* at least 0. Received: gamma=-1"),
        ("focal(gamma=two)", "focal: gamma must be .* Received: gamma='two'"),
        (f"focal(gamma=1{'0' * 400})", "focal: gamma must be a finite number"),
        ("ohem(share=0)", "ohem: share must be a finite number above 0 and of at most 1"),
        ("ohem(share=1.5)", "ohem: share must be"),
        ("ohem(threshold=1)", "ohem: threshold must be a finite number above 0 and below 1"),
        ("cross_entropy(class_weights=median)",
         "must be median_frequency, sqrt_median.*, inverse_frequency or.*Received: .*'median'"),
        ("cross_entropy(class_weights=2)", "class_weights must be median_frequency"),
        ("cross_entropy(class_weights=(1, -1))", "class_weights must be a finite number"),
        ("cross_entropy(class_weights=(1, 'a'))", "class_weights must be a finite number"),
        ("cross_entropy(class_weights=(0, 0))", "class_weights must not all be 0"),
        ("dice + " * 400 + "dice", "at most 2000 characters. Received: 2804"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_loss(text)
