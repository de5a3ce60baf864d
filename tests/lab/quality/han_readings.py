"""Write the table of Han characters that sound alike, from the transliteration of ICU.

    python -m tests.lab.quality.han_readings

Needs ``uconv`` (Debian: icu-devtools). ICU's Han-Latin is made of Unicode's kMandarin: facts under
the Unicode licence. A line of the table is a reading without tone, and its characters.
"""

import shutil
import subprocess
import sys
from collections import defaultdict
from itertools import product

from indexes.text.folding import normalise_text
from indexes.text.homophones import READINGS_FILE


def list_common_characters() -> list[str]:
    """List the Han characters of GB 2312, as the index spells them."""
    codes = (bytes(code) for code in product(range(0xB0, 0xF8), range(0xA1, 0xFF)))
    signs = [code.decode("gb2312", "ignore") for code in codes]
    return [sign for sign in signs if sign and normalise_text(sign) == sign]


def main() -> None:
    """Transliterate each character, and write those of one reading into one line."""
    program = shutil.which("uconv")
    if program is None:
        sys.exit("uconv is not installed (Debian: icu-devtools).")
    signs = list_common_characters()
    command = [program, "-f", "utf-8", "-t", "utf-8", "-x", "Han-Latin; Latin-ASCII; Lower"]
    shown = subprocess.run(
        command, input="\n".join(signs).encode(), capture_output=True, check=True
    )
    alike: dict[str, str] = defaultdict(str)
    for sign, reading in zip(signs, shown.stdout.decode().split("\n"), strict=True):
        if reading.strip().isascii():
            alike[reading.strip()] += sign
    lines = [f"{reading} {alike[reading]}\n" for reading in sorted(alike)]
    READINGS_FILE.write_text("".join(lines), encoding="utf-8")
    print(len(signs), "characters,", len(alike), "readings,", READINGS_FILE.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
