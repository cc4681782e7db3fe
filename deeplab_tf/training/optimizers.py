"""Optimizers with Caffe's learning-rate and decay multipliers for every variable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from deeplab_tf import compat
from deeplab_tf.models.deeplab import DeepLab
from deeplab_tf.training.call_arguments import parse_call_arguments


class TrainedVariable(NamedTuple):
    """A variable with its multipliers.

    Attributes:
        name: Caffe's name, such as `fc8/kernel`.
        variable: the `tf.Variable`.
        rate_multiplier: factor on the whole update of the variable.
        decay_multiplier: factor on the weight decay.
    """

    name: str
    variable: tf.Variable
    rate_multiplier: float
    decay_multiplier: float


def build_optimizer(
    name: str,
    arguments: str,
    schedule: float | keras.optimizers.schedules.LearningRateSchedule,
) -> keras.optimizers.Optimizer:
    """Builds an optimizer by name.

    Args:
        name: a class of `keras.optimizers`, or a registered name of tensorflow-addons.
        arguments: its other arguments, such as `"momentum=0.9, nesterov=True"`.
        schedule: learning rate, a number or a function of the step.

    Returns:
        The optimizer, without its variables; see `compat.create_slots`.

    Raises:
        ValueError: the name or an argument is unknown.
    """
    optimizer_class = compat.optimizer_class(name)
    try:
        return optimizer_class(learning_rate=schedule, **parse_arguments(arguments))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"train.optimizer={name!r} does not take train.optimizer_args={arguments!r}: {error}"
        ) from error


def parse_arguments(text: str) -> dict[str, object]:
    """Reads the arguments of an optimizer; nothing of the text is run.

    Args:
        text: names with Python literals, such as `"momentum=0.9, nesterov=True"`.

    Raises:
        ValueError: the text is something else.

    Example:
        >>> parse_arguments("momentum=0.9, nesterov=True")
        {'momentum': 0.9, 'nesterov': True}
    """
    example = "momentum=0.9, nesterov=True"
    unnamed, named = parse_call_arguments(text, example)
    if unnamed:
        raise ValueError(f"arguments look like {example!r} (a value without a name)")
    return named


def trained_variables(
    model: DeepLab,
    rate_multipliers: Sequence[tuple[str, float]],
    decay_multipliers: Sequence[tuple[str, float]] = (),
    layer_decay: float = 1.0,
) -> list[TrainedVariable]:
    """Lists the variables to train with their multipliers.

    Args:
        model: the network.
        rate_multipliers: pairs of a regular expression and a factor; the first expression that
            matches a whole name such as `fc8/bias` decides, 1 where none does. 0 freezes.
        decay_multipliers: the same for weight decay.
        layer_decay: see `layer_factors`.

    Returns:
        The variables that are trained at all, in the model's order.

    Raises:
        ValueError: an expression matches no variable, or nothing is left to train.
    """
    trainable = {id(v) for v in model.trainable_variables}
    names = {n: v for n, v in model.variables_by_name().items() if id(v) in trainable}
    for pattern, _ in (*rate_multipliers, *decay_multipliers):
        if not any(re.fullmatch(pattern, name) for name in names):
            raise ValueError(
                f"No variable matches the multiplier pattern {pattern!r}. "
                f"Names look like: {', '.join(list(names)[-4:])}."
            )
    factors = layer_factors(model, layer_decay)
    found = [
        TrainedVariable(
            name,
            compat.tf_variable(variable),
            _first_match(rate_multipliers, name) * factors.get(name, 1.0),
            _first_match(decay_multipliers, name),
        )
        for name, variable in names.items()
    ]
    found = [entry for entry in found if entry.rate_multiplier != 0]
    if not found:
        raise ValueError("All variables are frozen; nothing is left to train.")
    return found


def layer_factors(model: DeepLab, decay: float) -> dict[str, float]:
    """Returns factors on the learning rate that fall from layer to layer towards the image.

    Layers near the image, which know the most from their first training, change the least.

    Args:
        model: the network.
        decay: factor from one convolution of the backbone to the one before it; the last of them
            has this factor, and the head 1. 1 changes nothing.

    Returns:
        A factor for every variable of the backbone, by name.

    Source: Howard and Ruder 2018 (arXiv 1801.06146), section 3.2.
    """
    if decay == 1:
        return {}
    inside = {id(variable) for variable in model.backbone.variables}
    depths, depth = {}, 0
    for name, variable in model.variables_by_name().items():
        if id(variable) in inside:
            depth += name.endswith("/kernel")
            depths[name] = depth
    return {name: decay ** (depth + 1 - own) for name, own in depths.items()}


def exclude_from_decay(
    optimizer: keras.optimizers.Optimizer, trained: Sequence[TrainedVariable]
) -> None:
    """Keeps the optimizer's own weight decay, as AdamW has one, from variables with multiplier 0.

    Args:
        optimizer: from `build_optimizer`, without its variables yet.
        trained: from `trained_variables`.
    """
    if getattr(optimizer, "weight_decay", None) and hasattr(optimizer, "exclude_from_weight_decay"):
        excluded = [entry.variable for entry in trained if entry.decay_multiplier == 0]
        optimizer.exclude_from_weight_decay(var_list=excluded)


def _first_match(multipliers: Sequence[tuple[str, float]], name: str) -> float:
    return next((float(m) for pattern, m in multipliers if re.fullmatch(pattern, name)), 1.0)


def apply_updates(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor],
    trained: Sequence[TrainedVariable],
    weight_decay: float,
    clip_norm: float = 0.0,
) -> None:
    """Updates the variables once, with weight decay and multipliers as in Caffe.

    Must be called inside a replica. The optimizer sums the gradients over the replicas. Weight
    decay is added to the gradient; the multiplier scales the whole update, for any optimizer. SGD
    has it inside the momentum buffer, as Caffe has: `variable - old` would keep of an update at a
    rate of 1e-6 what float32 keeps of the variable.

    Args:
        optimizer: from `build_optimizer`.
        gradients: this replica's share of the gradient, one tensor a variable.
        trained: the variables.
        weight_decay: Caffe's factor: it adds `weight_decay * w` to the gradient of `w`.
        clip_norm: length to which the gradient of all variables together, without weight decay, is
            cut where it is longer; 0 cuts nothing.
    """
    context = tf.distribute.get_replica_context()
    if clip_norm:
        gradients = _clip(context, gradients, clip_norm)
    decay = weight_decay / context.num_replicas_in_sync
    inside = _scales_with_gradients(optimizer)
    pairs = []
    for gradient, entry in zip(gradients, trained, strict=True):
        gradient += decay * entry.decay_multiplier * entry.variable
        pairs.append((gradient * entry.rate_multiplier if inside else gradient, entry.variable))
    scaled = [entry for entry in trained if entry.rate_multiplier != 1 and not inside]
    before = [tf.identity(entry.variable) for entry in scaled]
    with tf.control_dependencies(before):
        optimizer.apply_gradients(pairs)
    if scaled:
        context.merge_call(_scale_updates, args=(scaled, before))


def _scales_with_gradients(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether a factor on gradients is one on updates, as with SGD that does nothing besides."""
    others = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema")
    return isinstance(optimizer, keras.optimizers.SGD) and not any(
        getattr(optimizer, name, None) for name in others
    )


def _clip(
    context: tf.distribute.ReplicaContext, gradients: Sequence[tf.Tensor], longest: float
) -> list[tf.Tensor]:
    """Cuts this replica's share by the factor that cuts the sum of all shares."""
    sums = list(gradients)
    if context.num_replicas_in_sync > 1:
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, sums)
    # Nothing is as long as infinity: a length of 0 gives a factor of 1.
    factor = tf.minimum(1.0, longest / tf.linalg.global_norm(sums))
    return [gradient * factor for gradient in gradients]


def _scale_updates(
    strategy: tf.distribute.Strategy, scaled: Sequence[TrainedVariable], before: list[tf.Tensor]
) -> None:
    for entry, old in zip(scaled, before, strict=True):
        strategy.extended.update(
            entry.variable,
            lambda variable, old, factor: variable.assign(old + factor * (variable - old)),
            args=(old, entry.rate_multiplier),
            group=False,
        )
