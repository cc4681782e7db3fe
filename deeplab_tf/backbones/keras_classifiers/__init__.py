"""Classifiers of Keras as dense feature extractors."""
