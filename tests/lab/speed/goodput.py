"""Goodput of a desk whose model is paced: what the desk leaves of first word and stream.

    python -m tests.lab.speed.goodput [--rate 50] [--tokens 200] [--asked 1 --asked 2 …] [--dry]

Runs ``ragdesk bench serve --model`` against ``ragdesk serve`` on the sample company, with the paced
writer (``tests.lab.speed.paced_server``) as its model's server. That writer never tires: what is
late here is late for the desk's sake. Against a real model's server the same command measures both
together: ``ragdesk bench serve --model --questions FILE``. Writes "Goodput" of RESULTS.md.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.quality.handbook import cases, take_in
from tests.lab.results import write_section
from tests.lab.speed.gateway import SETTINGS
from tests.lab.speed.paced_server import paced
from tests.lab.speed.serve import serving

ASKED = (1.0, 2.0, 4.0, 8.0)  # questions a second


def bench(base: str, questions: Path, asked: list[float], seconds: float, send: str) -> str:
    """Run the command as a user does, and return its table."""
    command = [sys.executable, "-m", "ragdesk", "bench", "serve", "--model", "--url", base]
    command += ["--questions", str(questions), "--seconds", str(seconds), "--send", send]
    for rate in asked:
        command += ["--rate", str(rate)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=50.0, help="tokens a second of each stream")
    parser.add_argument("--tokens", type=int, default=200, help="of an answer, about")
    parser.add_argument("--asked", type=float, action="append", help="questions a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each load")
    parser.add_argument("--dry", action="store_true", help="print, and leave RESULTS.md alone")
    options = parser.parse_args()
    asked = options.asked or list(ASKED)
    about = (
        f"A paced writer, no real model: {options.rate:g} tokens a second of each stream, answers "
        f"of about {options.tokens} tokens, {options.seconds:g} s of each load. Tokens are "
        "estimated from below, and the JSON around them is none. GPU: not measured. "
        f"Load average of the machine as it began: {os.getloadavg()[0]:.0f}."
    )
    parts = [about]
    with tempfile.TemporaryDirectory() as scratch, paced(options.rate, options.tokens) as url:
        home = Path(scratch) / "home"
        take_in(home).close()
        (home / "ragdesk.toml").write_text(SETTINGS.format(url=url), encoding="utf-8")
        questions = Path(scratch) / "questions.txt"
        answerable = [case.question for case in cases() if case.answerable]
        questions.write_text("\n".join(answerable), encoding="utf-8")
        with serving(home) as base:
            for send in ("show", "hold"):
                table = bench(base, questions, asked, options.seconds, send)
                parts.append(f"Sentences sent: {send}.\n\n{table}")
                print(parts[-1], flush=True)
    if not options.dry:
        write_section("Goodput", "python -m tests.lab.speed.goodput", "\n\n".join(parts))


if __name__ == "__main__":
    main()
