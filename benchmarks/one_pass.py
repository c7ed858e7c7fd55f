"""A fresh process that measures one table on some cores, and writes it as JSON.

`python -m benchmarks.one_pass TABLE CORES OPTIONS FILE`, where OPTIONS is JSON.
"""

import json
import sys
from pathlib import Path

from benchmarks import measure, results, tables


def main() -> None:
    """Pin the process before NumPy is imported, then measure."""
    name, cores, options, path = sys.argv[1:]
    measure.pin(int(cores))
    chosen = measure.Options(**json.loads(options))
    results.write(Path(path), {}, tables.measured(name, chosen))


if __name__ == "__main__":
    main()
