"""Texts and points read from an Axes."""

import numpy as np


def points(line):
    return np.stack(line.get_data(), axis=1)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def keys(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]
