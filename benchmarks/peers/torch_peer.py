"""PyTorch: nn.Sequential, an eager training loop, torch.optim.Adam."""

import torch
from torch import nn

from benchmarks import measure
from benchmarks.peers import Trainer
from benchmarks.workloads import Workload, initial_weights, orders


def build(sizes) -> nn.Sequential:
    """The network with the common initial weights."""
    layers = []
    for kernel, bias in initial_weights(sizes):
        linear = nn.Linear(*kernel.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel.T))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def loop(workload: Workload, fused: bool) -> Trainer:
    """An eager loop over slices of shuffled tensors, which is faster than a DataLoader."""
    torch.set_num_threads(measure.threads())
    x = torch.from_numpy(workload.x)
    y = torch.from_numpy(workload.y)
    y = y if workload.binary else y.long()
    loss_of = nn.BCEWithLogitsLoss() if workload.binary else nn.CrossEntropyLoss()

    def fit(model):
        optimizer = torch.optim.Adam(
            model.parameters(), lr=workload.learning_rate, fused=True if fused else None
        )
        for order in torch.from_numpy(orders(workload)):
            for rows in order.split(workload.batch):
                optimizer.zero_grad()
                loss = loss_of(model(x[rows]), y[rows])
                loss.backward()
                optimizer.step()
        return model

    def weights(model):
        linears = [layer for layer in model if isinstance(layer, nn.Linear)]
        return [(m.weight.detach().numpy().T, m.bias.detach().numpy()) for m in linears]

    return Trainer(lambda: build(workload.sizes), fit, weights)


def eager_loop(workload: Workload) -> Trainer:
    """The loop of PyTorch's tutorials."""
    return loop(workload, fused=False)


def eager_loop_fused(workload: Workload) -> Trainer:
    """The same with the fused kernel of Adam."""
    return loop(workload, fused=True)
