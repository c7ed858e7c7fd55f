"""Published results on MNIST, the last column of the table that `benchmarks.mnist` writes.

Where the source ends with "(confirmed)", the result was read in the text, table or log that it
names, "as quoted by" where that is not the paper itself. Numbers from memory are marked: look them
up before relying on them. "none": the paper has no result on MNIST, or none could be read.
"""

from typing import NamedTuple


class Published(NamedTuple):
    """A test result: accuracy in percent, the network and the source."""

    result: str
    network: str
    source: str


_BARTUNOV = "Bartunov et al. 2018, arXiv 1807.04587, table 1"
_LV = "Lv et al. 2025, arXiv 2501.09976, table 1"
_PEPITA = "Dellaferrera and Kreiman 2022, arXiv 2201.11665, table 1"
_REN = "Ren et al. 2023, arXiv 2210.03310, table 3"
_LABORIEUX = "Laborieux et al. 2021, doi 10.3389/fnins.2021.633674"
_BIOTORCH = "README of github.com/jsalbert/biotorch (confirmed)"
_LENET = "LeNet, convolutions; the best epoch on the test images"
_MIXER = "Local Mixer S/1/1, one block of 256 channels"
_MEMORY = "from memory of the paper, not confirmed"

PUBLISHED: dict[str, Published] = {
    "backprop": Published(
        "98.5 to 98.6",
        "784-5x256-10 tanh 98.52, 784-1024-512-256-10 tanh 98.62, 784-1024-10 ReLU 98.63",
        f"{_BARTUNOV}; {_LV}; {_PEPITA}, the last as quoted by a public repository (confirmed)",
    ),
    "feedback_alignment": Published(
        "98.15, backprop 98.52",
        "784-5x256-10 tanh, best of 500 epochs; Lillicrap et al. 2016, doi 10.1038/ncomms13276, "
        f"with 784-1000-10: 97.9, backprop 97.6, {_MEMORY}",
        f"{_BARTUNOV} (confirmed)",
    ),
    "direct_feedback_alignment": Published(
        "98.55",
        "fully connected, with dropout; without it, 784-2x800-10 tanh: 98.26, backprop 98.40, "
        f"{_MEMORY}; 784-5x256-10 tanh: 97.25, backprop 98.52, in {_BARTUNOV}",
        "Nøkland 2016, arXiv 1609.01596, abstract (confirmed)",
    ),
    "direct_random_target_projection": Published(
        "95.10, backprop 98.63",
        "784-1024-10 ReLU with dropout, where PEPITA is compared with it; the rule's own paper, "
        "Frenkel et al. 2021, doi 10.3389/fnins.2021.629892, has MNIST numbers that were not read",
        f"{_PEPITA}, {_MEMORY}",
    ),
    "sign_symmetry": Published("99.17, backprop 99.16", _LENET, f"uSF, {_BIOTORCH}"),
    "batch_random_sign_symmetry": Published("99.21, backprop 99.16", _LENET, f"brSF, {_BIOTORCH}"),
    "fixed_random_sign_symmetry": Published("99.08, backprop 99.16", _LENET, f"frSF, {_BIOTORCH}"),
    "kolen_pollack": Published(
        "none",
        "tested on ImageNet, where it nearly matches backprop",
        "Akrout et al. 2019, arXiv 1904.05391, abstract",
    ),
    "weight_mirror": Published(
        "none",
        "tested on ImageNet, where it nearly matches backprop",
        "Akrout et al. 2019, arXiv 1904.05391, abstract",
    ),
    "target_propagation": Published(
        "none",
        "for targets without the difference correction no number was found; with it, see "
        "difference_target_propagation",
        "Bengio 2014, arXiv 1407.7906, and Lee et al. 2015, arXiv 1412.7525, not read in full",
    ),
    "difference_target_propagation": Published(
        "98.17, backprop 98.52",
        "784-5x256-10 tanh, best of 500 epochs, forward and inverse weights by turns (97.14 at "
        "once); Lee et al. 2015, arXiv 1412.7525, with 784-7x240-10 tanh: 98.06, backprop 98.14, "
        f"{_MEMORY}",
        f"{_BARTUNOV} (confirmed)",
    ),
    "gait_propagation": Published(
        "near-identical to backprop",
        "square networks of leaky ReLU with a penalty on weights that are not orthogonal; the "
        "numbers were not read",
        "Ahmad et al. 2020, arXiv 2006.06438, abstract",
    ),
    "local_losses": Published(
        "99.32, backprop 99.25",
        "784-3x1024-10 leaky ReLU with dropout, images shifted by up to 2 pixels, 100 epochs",
        "Nøkland and Eidnes 2019, arXiv 1901.06656, loss 'pred', README of "
        "github.com/anokland/local-loss (confirmed)",
    ),
    "predictive_coding": Published(
        "98.2 to 98.3",
        "two hidden layers, the output clamped to the label, where this rule nudges it",
        "Whittington and Bogacz 2017, doi 10.1162/NECO_a_00949, as quoted by ngc-learn's "
        "documentation, pcn_discrim (confirmed)",
    ),
    "centered_predictive_coding": Published(
        "98.23, backprop 98.29",
        "multilayer perceptron, squared error; the sign of the nudge is drawn at random, where "
        "this rule takes both",
        f"Pinchetti et al. 2024, arXiv 2407.01163, PC-CN and BP-SE, {_MEMORY}",
    ),
    "clamped_predictive_coding": Published(
        "98.03",
        "784-512-512-10 sigmoid, squared error, 20 steps of inference, Adam at 0.001",
        "ngc-learn's documentation, pcn_discrim (confirmed)",
    ),
    "fixed_prediction_coding": Published(
        "none",
        "tested on SVHN and CIFAR; its gradients tend to backprop's",
        f"Millidge et al. 2020, arXiv 2006.04182, {_MEMORY}",
    ),
    "zero_divergence_inference_learning": Published(
        "equal to backprop",
        "the updates of the weights are exactly backprop's",
        "Song et al. 2020, Can the brain do backpropagation?, NeurIPS 33, abstract (confirmed)",
    ),
    "incremental_predictive_coding": Published(
        "98.54, backprop 98.26",
        "multilayer perceptron",
        f"Salvatori et al. 2022, arXiv 2212.00720, {_MEMORY}",
    ),
    "equilibrium_propagation": Published(
        "97 to 98",
        "one to three hidden layers, squared error, a feedback gain of 1 (0.1 is the default here)",
        "Scellier and Bengio 2017, doi 10.3389/fncom.2017.00024, as quoted by Whittington and "
        "Bogacz 2019, doi 10.1016/j.tics.2018.12.005, table 1 (confirmed)",
    ),
    "random_sign_equilibrium_propagation": Published(
        "none", "convolutions on CIFAR-10", f"{_LABORIEUX}, abstract"
    ),
    "centered_equilibrium_propagation": Published(
        "98.0",
        "network not stated, the number not traced: the abstract of the paper is on CIFAR-10 only",
        f"{_LABORIEUX}, as quoted by the Self-Contrastive Forward-Forward paper, 2025, "
        "doi 10.1038/s41467-025-61037-0, table 4 (confirmed)",
    ),
    "holomorphic_equilibrium_propagation": Published(
        "97.7",
        "784-256-256-10 sigmoid, 60,000 images, batches of 20, 10 points on a circle of 0.4; the "
        "mean of three runs after 50 epochs, 97.3 to 97.9",
        "Laborieux and Zenke 2022, arXiv 2209.00530, logs of table 1 in "
        "github.com/Laborieux-Axel/holomorphic_eqprop (confirmed)",
    ),
    "contrastive_hebbian": Published(
        "none",
        "the abstract shows that it equals backprop where feedback is weak; no number was read",
        "Xie and Seung 2003, doi 10.1162/089976603762552988",
    ),
    "forward_forward": Published(
        "98.64, backprop about 98.6",
        "784-4x2000 ReLU, the label in the first ten pixels, 60 epochs, where backprop needs 20",
        "Hinton 2022, arXiv 2212.13345, as quoted by the Forward-Forward example of Keras and, "
        "for backprop, by a reader's notes (confirmed)",
    ),
    "pepita": Published(
        "98.01, backprop 98.63",
        "784-1024-10 ReLU with dropout, 100 epochs",
        f"{_PEPITA}, as quoted by a public repository (confirmed)",
    ),
    "forward_gradient": Published(
        "90.75, backprop 97.34", f"{_MIXER}, weights perturbed", f"{_REN}, FG-W (confirmed)"
    ),
    "node_perturbation": Published(
        "96.76, backprop 97.34",
        f"{_MIXER}, activities perturbed, with the exact directional derivative, where this rule "
        "takes a difference of losses",
        f"{_REN}, FG-A (confirmed)",
    ),
    "weight_perturbation": Published(
        "91.44, backprop 98.62",
        "784-1024-512-256-10 tanh, 60,000 images, Adam",
        f"{_LV}, perturbation learning (confirmed)",
    ),
}
