"""Where measured figures are written down: one file, one section a command."""

import datetime as dt
import platform
import re
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
TITLE = (
    "# Measured figures\n\n"
    "Each section was written by the command it names. Machines differ: trust ratios.\n"
)


def machine() -> str:
    """Name what the figures were measured on: cores, processor flags that matter, memory, date.

    >>> machine().endswith(dt.date.today().isoformat())  # doctest: +SKIP
    True
    """
    cpuinfo = Path("/proc/cpuinfo")
    meminfo = Path("/proc/meminfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.exists() else set()
    vector = [f for f in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if f in flags]
    cores = cpuinfo.read_text().count("processor\t") if cpuinfo.exists() else 0
    memory = re.search(r"MemTotal:\s+(\d+)", meminfo.read_text()) if meminfo.exists() else None
    gib = f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "unknown memory"
    system = f"{cores} cores ({', '.join(vector) or platform.machine()}), {gib}"
    return f"{system}, Python {platform.python_version()}, {dt.datetime.now(tz=dt.UTC).date()}"


def write_section(heading: str, command: str, body: str, *, file: Path = RESULTS) -> None:
    """Replace one section of the results file, or add it; the others stay as they are."""
    old = file.read_text(encoding="utf-8") if file.exists() else TITLE
    section = f"## {heading}\n\n`{command}`\n{machine()}\n\n{body.strip()}\n"
    parts = re.split(r"(?m)^(?=## )", old)
    kept = [part for part in parts if not part.startswith(f"## {heading}\n")]
    position = next((i for i, p in enumerate(parts) if p.startswith(f"## {heading}\n")), len(kept))
    kept.insert(position, section)
    file.write_text("\n".join(part.strip() + "\n" for part in kept), encoding="utf-8")
