"""Training in the steady state: time per epoch of every implementation, interleaved."""

from benchmarks import measure, peers
from benchmarks.results import Table
from benchmarks.workloads import WORKLOADS, Workload, final_loss

# in the long fit the cost of starting it is negligible: only implementations near the limit
LONG = ("hand_scan", "run", "fit")


def ready(names: list[str], workload: Workload) -> tuple[dict[str, peers.Trainer], dict[str, str]]:
    """Trainers that can be built, and the reasons for the others."""
    trainers, missing = {}, {}
    for name in names:
        try:
            trainers[name] = peers.load(name)(workload)
        except ImportError as error:
            missing[name] = f"not installed: {error.name or error}"
    return trainers, missing


def tables(options: measure.Options, name: str) -> list[Table]:
    """One workload: milliseconds per epoch, and the loss that proves equal work."""
    workload, names = WORKLOADS[name](), chosen(options)
    if name.endswith("-long"):
        names = [peer for peer in names if peer in LONG]
    trainers, missing = ready(names, workload)
    jobs = {
        peer: measure.Job(peers.label(peer), trainer.fit, trainer.prepare)
        for peer, trainer in trainers.items()
    }
    rows = measure.rows_of(jobs, options, reference=peers.LIMIT, per=workload.epochs)
    for peer, trainer in trainers.items():
        loss = final_loss(workload, trainer.weights(trainer.fit(trainer.prepare())))
        rows[peers.label(peer)]["loss"] = loss
    sizes = "-".join(map(str, workload.sizes))
    title = (
        f"{sizes}, ReLU, Adam, {len(workload.x)} rows, batch {workload.batch}, "
        f"{workload.epochs} epochs a fit; ms an epoch, {options.rounds} rounds"
    )
    return [Table(name, title, rows, peers.label(peers.LIMIT), absent(missing))]


def chosen(options: measure.Options) -> list[str]:
    """The implementations to measure; refuse an unknown one."""
    names = list(options.only or peers.PEERS)
    unknown = sorted(set(names) - set(peers.PEERS))
    if unknown:
        raise SystemExit(
            f"--only: unknown {', '.join(unknown)}; choose from {', '.join(peers.PEERS)}"
        )
    return names


def absent(missing: dict[str, str]) -> tuple[str, ...]:
    """One line for each peer that could not be measured."""
    return tuple(f"{peers.label(peer)}: {reason}" for peer, reason in missing.items())
