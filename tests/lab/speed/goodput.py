"""Goodput of a desk whose model is paced: what the desk leaves of first word and stream.

    python -m tests.lab.speed.goodput [--rate 50] [--tokens 200] [--asked 1 --asked 2 …] [--dry]

Runs ``ragdesk bench serve --model`` against ``ragdesk serve`` on the sample company, with the paced
writer (``tests.lab.speed.paced_server``) as its model's server. That writer never tires: what is
late here is late for the desk's sake. Writes "Goodput" of RESULTS.md.

    python -m tests.lab.speed.goodput --served http://127.0.0.1:8000/v1 [--tokenizer FILE]

Against a model's server that runs already both are measured together, and the words are the model's own:
writes "Goodput of a real model".
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from tests.lab.quality.handbook import cases, take_in
from tests.lab.results import write_section
from tests.lab.speed.gateway import SETTINGS
from tests.lab.speed.paced_server import paced
from tests.lab.speed.serve import serving

ASKED = (1.0, 2.0, 4.0, 8.0)  # questions a second
SERVED = """
[generate]
urls = ["{url}"]
max_tokens = 256
first_seconds = 60
total_seconds = 120
[ground]
context = 4096
{tokenizer}
[decide]
floor = 0.0
[advanced.clarify]
floor = 1.1
"""


def bench(base: str, questions: Path, send: str, options: argparse.Namespace) -> str:
    """Run the command as a user does, and return its table."""
    command = [sys.executable, "-m", "ragdesk", "bench", "serve", "--model", "--url", base]
    command += ["--questions", str(questions), "--seconds", str(options.seconds), "--send", send]
    if options.tokenizer:
        command += ["--tokenizer", str(options.tokenizer)]
    for rate in options.asked or ASKED:
        command += ["--rate", str(rate)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def measure(home: Path, questions: Path, options: argparse.Namespace) -> list[str]:
    """Measure each way of sending sentences, and return a table of each."""
    parts = []
    with serving(home) as base:
        for send in ("show", "hold"):
            parts.append(f"Sentences sent: {send}.\n\n{bench(base, questions, send, options)}")
            print(parts[-1], flush=True)
    return parts


def describe_load(options: argparse.Namespace) -> str:
    """Say what wrote the answers, and how busy the machine was."""
    load = (
        f"{options.seconds:g} s of each load. Load average of the machine as it began: "
        f"{os.getloadavg()[0]:.0f}."
    )
    if options.served:
        is_here = urlsplit(options.served).hostname in {"127.0.0.1", "localhost", "::1"}
        place = (
            "on this machine, which the desk and the questions share"
            if is_here
            else "on a machine of its own"
        )
        return f"{options.model} {place}, answers of at most 256 tokens. {load}"
    load = f"GPU: not measured. {load}"
    return (
        f"A paced writer, no real model: {options.rate:g} tokens a second of each stream, answers of "
        f"about {options.tokens} tokens. Tokens are estimated from below, and the JSON around them "
        f"is none. {load}"
    )


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=50.0, help="tokens a second of each stream")
    parser.add_argument("--tokens", type=int, default=200, help="of an answer, about")
    parser.add_argument("--asked", type=float, action="append", help="questions a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load")
    parser.add_argument("--served", default="", help="address of a model's server, with /v1")
    parser.add_argument("--model", default="A real model", help="what is said of it")
    parser.add_argument(
        "--tokenizer", type=Path, help="file that the model's tokens are counted by"
    )
    parser.add_argument("--dry", action="store_true", help="print, and leave RESULTS.md alone")
    options = parser.parse_args()
    parts = [describe_load(options)]
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        home = Path(scratch) / "home"
        take_in(home).close()
        if options.served:
            named = f'tokenizer = "{options.tokenizer.resolve()}"' if options.tokenizer else ""
            settings = SERVED.format(url=options.served, tokenizer=named)
        else:
            url = stack.enter_context(paced(options.rate, options.tokens))
            settings = SETTINGS.format(url=url)
        (home / "ragdesk.toml").write_text(settings, encoding="utf-8")
        questions = Path(scratch) / "questions.txt"
        asked = [
            case.question
            for case in cases()
            if case.answerable and (not options.served or case.lang == "en")
        ]
        questions.write_text("\n".join(asked), encoding="utf-8")
        parts += measure(home, questions, options)
    if not options.dry:
        name = "Goodput of a real model" if options.served else "Goodput"
        served = " --served URL" if options.served else ""
        write_section(name, f"python -m tests.lab.speed.goodput{served}", "\n\n".join(parts))


if __name__ == "__main__":
    main()
