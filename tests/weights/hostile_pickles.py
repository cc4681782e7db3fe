"""Pickles that run something where nothing stops them."""


class Runs:
    """What a pickle runs where nothing stops it."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call
