"""Faults in data sets: readers of files, headers, targets, splits."""

from tests.faults import Fault

DATA, TESTS = "jaxbrain/datasets", "tests/datasets"
FAULTS = [
    Fault(
        "a label that stands again does not make the first row an example", f"{DATA}/header.py",
        "    if occurs:\n        return Header(False)\n", "",
        f"{TESTS}/test_header.py",
    ),
    Fault(
        "a word above numbers is not a header", f"{DATA}/header.py",
        "    if _is_above_numbers(top, top.target):\n        return Header(True)\n    return _by",
        "    return _by",
        f"{TESTS}/test_header.py",
    ),
    Fault(
        "a doubtful header is not told", f"{DATA}/tables.py",
        "        warnings.warn(sentence, stacklevel=3)", "        pass",
        f"{TESTS}/test_header.py",
    ),
    Fault(
        "the example above the others goes to the end", f"{DATA}/target.py",
        "self._codes.insert(0, self._codes.pop())", "pass",
        f"{TESTS}/test_header.py",
    ),
    Fault(
        "table: labels are numbered in the order of the rows", f"{DATA}/target.py",
        "for i, key in enumerate(sorted(names))", "for i, key in enumerate(names)",
        f"{TESTS}/test_tables.py",
    ),
    Fault(
        "table: whole numbers that are large are one label", f"{DATA}/numerals.py",
        "        return int(cell)", "        return int(float(cell))",
        f"{TESTS}/test_target.py",
    ),
    Fault(
        "table: many whole numbers are classes without a question", f"{DATA}/target.py",
        "_MANY_CLASSES, _SOME_CLASSES, _FEW_ROWS = 20, 5, 5",
        "_MANY_CLASSES, _SOME_CLASSES, _FEW_ROWS = 200, 5, 0",
        f"{TESTS}/test_target.py",
    ),
    Fault(
        "table: 1_000 is a number", f"{DATA}/columns.py",
        'if decimal == "." and "_" not in "".join(cells):', 'if decimal == ".":',
        f"{TESTS}/test_numerals.py",
    ),
    Fault(
        "table: a dot among decimal commas is a point", f"{DATA}/numerals.py",
        "            return None  # 1.234", "            pass  # 1.234",
        f"{TESTS}/test_numerals.py",
    ),
    Fault(
        "table: infinities are features", f"{DATA}/columns.py",
        "if numbers is None or not np.all(np.abs(numbers) <= LARGEST):", "if numbers is None:",
        f"{TESTS}/test_numerals.py",
    ),
    Fault(
        "table: rows of another length are cut", f"{DATA}/rows.py",
        "if len(row.cells) != width:", "if len(row.cells) < width:",
        f"{TESTS}/test_rows.py",
    ),
    Fault(
        "table: a # in the middle drops an example", f"{DATA}/rows.py",
        "if width == len(row.cells):", "if width < 0:",
        f"{TESTS}/test_rows.py",
    ),
    Fault(
        "table: columns to leave out stay", f"{DATA}/columns.py",
        "if i != predicted and i not in out]", "if i != predicted]",
        f"{TESTS}/test_columns.py",
    ),
    Fault(
        "table: the free memory is not asked for", f"{DATA}/columns.py",
        '        require_memory(taken, f"{path}: the table")', "        pass",
        f"{TESTS}/test_columns.py",
    ),
    Fault(
        "IDX: sizes are read in the wrong order of bytes", f"{DATA}/idx_format.py",
        'int.from_bytes(sizes[i : i + 4], "big")', 'int.from_bytes(sizes[i : i + 4], "little")',
        f"{TESTS}/test_idx_format.py",
    ),
    Fault(
        "IDX: a gzip bomb is unpacked", f"{DATA}/idx_format.py",
        '    require_memory(claimed, f"{claim}; to read it")\n', "",
        f"{TESTS}/test_idx_format.py",
    ),
    Fault(
        "the test part is in the training part too", f"{DATA}/splits.py",
        "(order[:tests], order[tests:])", "(order[:tests], order)",
        f"{TESTS}/test_splits.py",
    ),
    Fault(
        "a stratified split does not keep the shares", f"{DATA}/splits.py",
        "return order[by_class[jnp.lexsort((by_class, place))]]",
        "return order[by_class[jnp.argsort(by_class)]]",
        f"{TESTS}/test_splits.py",
    ),
    Fault(
        "a class is tested on only", f"{DATA}/splits.py",
        "jnp.where(position == end - 1, 1.0 + place, place)", "place",
        f"{TESTS}/test_splits.py",
    ),
]  # fmt: skip
