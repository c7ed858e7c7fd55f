"""Numbers in the tables that examples print."""

import re


def numbers(line):
    """Every number in a line, such as 1,000 and 1.2e-07."""
    return [
        float(text.replace(",", "")) for text in re.findall(r"-?\d[\d,]*\.?\d*(?:e-?\d+)?", line)
    ]


def row_of(lines, label):
    """The one line that begins with a label."""
    (line,) = [line for line in lines if line.startswith(label)]
    return line


def row(lines, label):
    """The numbers after a label, in the one line that begins with it."""
    return numbers(row_of(lines, label)[len(label) :])


def every(lines, label):
    """The decimal numbers after a label, of each line that begins with it."""
    rows = [line[len(label) :] for line in lines if line.startswith(label)]
    return [[float(text) for text in re.findall(r"\d+\.\d+", row)] for row in rows]
