"""`python -m benchmarks.training`: every table of the training benchmarks, measured in one run."""

import argparse
import json
from pathlib import Path

from benchmarks import measure

STEADY = ("small", "small-long", "digits", "mnist")
FRESH = ("startup", "import")
ALL = (*STEADY, "population", *FRESH)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options; names are checked later, when the tables can be imported."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--workload", nargs="+", choices=ALL, default=list(ALL), metavar="NAME",
                        help=f"{', '.join(ALL)}; default all")  # fmt: skip
    parser.add_argument("--only", nargs="+", metavar="PEER", help="implementations; default all")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds; default 7")
    parser.add_argument("--fresh-rounds", type=int, default=5,
                        help="of fresh processes; default 5")  # fmt: skip
    parser.add_argument("--least", type=float, default=0.05, metavar="SECONDS",
                        help="repeat shorter fits within a round; default 0.05")  # fmt: skip
    parser.add_argument("--epochs", type=int, help="epochs per fit; default that of the workload")
    parser.add_argument("--core", type=int, help="processor core; default the last one allowed")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write everything here")
    options = parser.parse_args(arguments)
    if options.rounds < 1 or options.fresh_rounds < 1:
        parser.error("--rounds and --fresh-rounds must be at least 1")
    return options


def main() -> None:
    """Pin the process, then measure and print every table."""
    options = parse()
    measure.pin(options.core)
    # imported after pinning: NumPy and JAX read the affinity and the thread counts
    from benchmarks import peers, population, startup, steady

    names = options.only or list(peers.PEERS)
    unknown = sorted(set(names) - set(peers.PEERS))
    if unknown:
        raise SystemExit(
            f"--only: unknown {', '.join(unknown)}; choose from {', '.join(peers.PEERS)}"
        )
    results = measure.heading()
    print("one core, one BLAS thread; medians of processor time; x limit is paired by round\n")
    for name in options.workload:
        if name in STEADY:
            result = steady.measure_workload(
                name, names, options.rounds, options.least, options.epochs
            )
            text = steady.report(result)
        elif name == "population":
            result = population.measure_population(names, options.rounds, options.least)
            text = population.report(result)
        elif name == "startup":
            result = startup.measure_startup(names, options.fresh_rounds)
            text = startup.report_startup(result)
        else:
            result = startup.measure_import(options.fresh_rounds)
            text = startup.report_import(result)
        results[name] = result
        print(text + "\n", flush=True)
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
