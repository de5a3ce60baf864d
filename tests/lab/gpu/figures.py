"""What the parts of the GPU bench share: figures in a table, and what a part did not measure."""

import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


class NotMeasured(Exception):
    """A part cannot run here; the message says what is missing."""


def need(*modules: str) -> None:
    """Ask for installed packages by their module. Raises NotMeasured, naming the first missing."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise NotMeasured(f"not installed: {module}")


def need_gpu() -> None:
    """Ask for a GPU that torch can use. Raises NotMeasured."""
    need("torch")
    import torch

    if not torch.cuda.is_available():
        raise NotMeasured("not measured: no GPU")


def card() -> str:
    """Name the GPU, its memory, and the libraries above it."""
    import torch

    facts = torch.cuda.get_device_properties(0)
    memory = f"{facts.total_memory / 2**30:.0f} GiB"
    return f"{facts.name}, {memory}, torch {torch.__version__}, CUDA {torch.version.cuda}"


def seconds(work: Callable[[], object], *, device: str, rounds: int) -> float:
    """Time a piece of work on a device: the median of some rounds, after one to warm up."""
    durations = []
    for _ in range(rounds + 1):
        wait(device)
        began = time.perf_counter()
        work()
        wait(device)
        durations.append(time.perf_counter() - began)
    return statistics.median(durations[1:])


def wait(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows with the same names as a table."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def save(file: Path, heading: str, command: str, body: str) -> None:
    """Print a section, and write it down where it was measured on a GPU."""
    from tests.lab.results import write_section

    print(f"## {heading}\n\n{body}\n", flush=True)
    write_section(heading, command, body, file=file)
