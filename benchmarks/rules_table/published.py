"""Published test results of the rules and data of the table, on the networks of their papers."""

from typing import NamedTuple


class Published(NamedTuple):
    """A test result.

    Attributes:
        rule: Of the table, or its family.
        result: Accuracy in percent, unless it says otherwise.
        network: With the data set.
        source: Where the number was read.
    """

    rule: str
    result: str
    network: str
    source: str


_GREYDANUS = "Greydanus 2020, arXiv 2011.14439, abstract or table"
_BIOTORCH = "README of github.com/jsalbert/biotorch, as error"
_SCFF = "Self-Contrastive Forward-Forward, 2025, doi 10.1038/s41467-025-61037-0"
_FABRIC = "FabricPC, pull request 47"
_LENET = "LeNet, Fashion-MNIST"

PUBLISHED = (
    Published("`backprop`", "68", "multilayer perceptron, MNIST-1D", _GREYDANUS),
    Published("`backprop`", "94", "convolutional network, MNIST-1D", _GREYDANUS),
    Published("logistic regression", "32", "MNIST-1D", _GREYDANUS),
    Published("`backprop`", "90.8", _LENET, _BIOTORCH),
    Published("`feedback_alignment`", "86.94, backprop 90.8", _LENET, _BIOTORCH),
    Published("`direct_feedback_alignment`", "87.19, backprop 90.8", _LENET, _BIOTORCH),
    Published("`sign_symmetry`", "90.31, backprop 90.8", _LENET, f"{_BIOTORCH}, uSF"),
    Published("`batch_random_sign_symmetry`", "89.98, backprop 90.8", _LENET, f"{_BIOTORCH}, brSF"),
    Published("`fixed_random_sign_symmetry`", "90.39, backprop 90.8", _LENET, f"{_BIOTORCH}, frSF"),
    Published(
        "`predictive_coding`", "34.64, error coordinates 38.84",
        "ResNet18, CIFAR-10, 2 epochs, 120 steps", _FABRIC,
    ),
    Published(
        "`error_predictive_coding`", "76.73, backprop 77.11",
        "ResNet18, CIFAR-10, 100 epochs", _FABRIC,
    ),
    Published(
        "predictive coding with `centered_equilibrium_propagation`",
        "top-5 error 13.23, backprop 12.2", "VGG10, ImageNet",
        "Kerjan, Høier and Scellier 2026, arXiv 2606.03584, abstract or table",
    ),
    Published(
        "`centered_equilibrium_propagation`", "88.6",
        "convolutions, CIFAR-10", f"{_SCFF}, table 4, as equilibrium propagation of 2021",
    ),
    Published(
        "equilibrium propagation", "93.92", "Hopfield-ResNet13, CIFAR-10",
        "arXiv 2509.26003, abstract or table",
    ),
    Published(
        "forward-forward family", "91.8, backprop 94.2", "DTG-FF, CIFAR-10",
        "arXiv 2606.06539, abstract or table",
    ),
)  # fmt: skip
