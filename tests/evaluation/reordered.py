"""A network and its like whose classes stand in another order."""

import dataclasses

import deeplab_tf


def reordered(model, order):
    """The same network: class `i` of the new one is class `order[i]` of the old one."""
    spec = model.spec
    names = tuple(spec.class_names[i].upper().replace(" ", "_") for i in order)
    spec = dataclasses.replace(spec, class_names=names, ignore_label=200)
    other = deeplab_tf.DeepLab(dataset=spec, width=model.width)
    variables = model.variables_by_name()
    for name, variable in other.variables_by_name().items():
        value = variables[name].numpy()
        variable.assign(value[..., order] if name.startswith("fc8") else value)
    return other
