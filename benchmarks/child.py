"""A fresh process that imports a peer, trains once and again, and prints the costs as JSON."""

import json
import resource
import sys
import time


def clocks() -> tuple[float, float]:
    """Processor and wall seconds."""
    return time.process_time(), time.perf_counter()


def train(peer: str, name: str, weights: str = "drawn") -> dict[str, float]:
    """Import, first result and a second fit; the clock starts before NumPy is imported.

    With weights "given" a trainer that could draw them in its program does not.
    """
    start = clocks()
    from benchmarks import peers

    builder = peers.load(peer)
    imported = clocks()
    from benchmarks.workloads import WORKLOADS, final_loss

    workload = WORKLOADS[name]()
    if name != "xor":
        workload = workload._replace(epochs=1)
    built = clocks()
    trainer = builder(workload)
    # from_key draws the weights within the program; all other trainers have drawn them when built

    def from_given():
        return trainer.fit(trainer.prepare())

    once = from_given if weights == "given" else trainer.from_key or from_given
    trained = once()
    first = clocks()
    loss = final_loss(workload, trainer.weights(trained))
    again = clocks()
    once()
    end = clocks()
    # loading the data is not a cost of the library
    data = [b - a for a, b in zip(imported, built, strict=True)]
    result: dict[str, float] = {"final_loss": loss}
    for i, clock in enumerate(("processor", "wall")):
        result[f"import_{clock}"] = imported[i] - start[i]
        result[f"first_{clock}"] = first[i] - start[i] - data[i]
        result[f"refit_{clock}"] = end[i] - again[i]
    result["peak_mb"] = peak_memory()
    return result


def peak_memory() -> float:
    """Peak memory of this process in megabytes."""
    if sys.platform == "linux":
        # not getrusage: its maximum survives exec, so a child would report that of its parent
        with open("/proc/self/status") as file:
            kilobytes = next(line.split()[1] for line in file if line.startswith("VmHWM"))
        return int(kilobytes) / 1e3
    # Bytes on macOS, kilobytes elsewhere.
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def imports(package: str) -> dict[str, float]:
    """Processor and wall seconds of jax, optax and chex, then of `package` on top."""
    start = clocks()
    import chex  # noqa: F401
    import jax  # noqa: F401
    import optax  # noqa: F401

    if package == "jaxbrain":
        from jaxbrain import fit  # noqa: F401  # the first name loads what all trainings need
    end = clocks()
    return {
        "total_processor": end[0] - start[0],
        "total_wall": end[1] - start[1],
    }


def main() -> None:
    """`python -m benchmarks.child train PEER WORKLOAD [given]` or `... imports PACKAGE`."""
    kind, *arguments = sys.argv[1:]
    try:
        result = train(*arguments) if kind == "train" else imports(*arguments)
    except ImportError as error:
        result = {"missing": f"not installed: {error.name or error}"}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
