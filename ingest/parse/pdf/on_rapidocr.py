"""Read the text of a page's picture by RapidOCR: the only door to it.

The models (PP-OCRv6 small: Chinese, English, digits and signs) come in its package, and their
files are named here, so nothing is ever looked for on the network: RapidOCR downloads only what
is not named. It loads them with its first page; they take 32 MB on disk.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.ocr_pages import OcrLine
from ingest.parse.pdf.page_model import PixelArray

FINDER_SIDE = 1_280  # pixels of a page's longer side in which lines are looked for
LEAST_SCORE = 0.5  # of a line: below it is not text
TALL = 1.5  # times its width: a line that runs up or down the page
SURE_SCORE = 0.85  # of lines on average: upright print has 0.95 and more, reversed print 0.7
AS_GOOD = 0.8  # times what the upright page gives: its tall lines were read turned anyway
_Mark = tuple[str, npt.NDArray[np.float64], float]  # text, its four corners in pixels, score
_MODELS = {"Det": "*_det_*.onnx", "Rec": "*_rec_*.onnx"}


class OcrUnavailable(Exception):
    """RapidOCR is not installed, or without its models."""


class PageOcr:
    """Finds the lines of a picture and reads them. Raises OcrUnavailable when it cannot."""

    def __init__(self) -> None:
        models = _find_models()
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import cv2  # noqa: PLC0415 - an extra, and 0.3 s
        from rapidocr import RapidOCR  # noqa: PLC0415

        cv2.setNumThreads(1)  # a child has one core
        engine = "EngineConfig.onnxruntime"
        self._read = RapidOCR(
            params={
                **{f"{step}.model_path": str(file) for step, file in models.items()},
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.max_side_len": 10_000,  # pages come in the size they are read in
                "Global.text_score": LEAST_SCORE,
                "Det.limit_type": "max",
                "Det.limit_side_len": FINDER_SIDE,
                "Rec.rec_batch_num": 1,  # long lines would be filled up to the longest
                f"{engine}.intra_op_num_threads": 1,
                f"{engine}.inter_op_num_threads": 1,
            }
        )

    def warm_up(self) -> None:
        """Load the models by reading a small picture of a word."""
        import cv2  # noqa: PLC0415 - as above

        blank = np.full((64, 320, 3), 255, dtype=np.uint8)
        self._read(cv2.putText(blank, "Refunds", (20, 45), 0, 1.5, (0, 0, 0), 3))

    def __call__(self, picture: PixelArray, *, points: float) -> list[OcrLine]:
        """Return the lines of a page from top to bottom. points: that a pixel is wide.

        A page that seems to stand on its head, or on its side, is read the other way round too.
        """
        marks = self._mark_lines(picture)
        if turns := _choose_turns(marks):
            turned = max((self._read_turned(picture, n) for n in turns), key=_weigh_marks)
            if _weigh_marks(turned) > AS_GOOD * _weigh_marks(marks):
                marks = turned
        return [
            OcrLine(text, tuple((corners * points).round(2).ravel().tolist()), round(score, 4))
            for text, corners, score in marks
        ]

    def _mark_lines(self, picture: PixelArray) -> list[_Mark]:
        result: Any = self._read(picture)
        if getattr(result, "txts", None) is None or result.boxes is None:  # nothing like a line
            return []
        return [
            (text, np.asarray(box, dtype=np.float64), float(score))
            for text, box, score in zip(result.txts, result.boxes, result.scores, strict=True)
            if text.strip()
        ]

    def _read_turned(self, picture: PixelArray, turn: int) -> list[_Mark]:
        """Read a picture turned by so many quarters against the clock; corners are as it was."""
        height, width = picture.shape[:2]
        marks = self._mark_lines(np.ascontiguousarray(np.rot90(picture, turn)))
        far = {1: (width, 0), 2: (width, height), 3: (0, height)}[turn]
        back = np.array({1: ((0, 1), (-1, 0)), 2: ((-1, 0), (0, -1)), 3: ((0, -1), (1, 0))}[turn])
        return [(text, corners @ back + far, score) for text, corners, score in marks]


def _choose_turns(marks: list[_Mark]) -> tuple[int, ...]:
    """Return the quarters by which a page may be turned, by how its lines look; none is usual."""
    sides = [np.ptp(corners, axis=0) for _, corners, _ in marks]
    if sum(high > TALL * wide for wide, high in sides) * 2 > len(marks):
        return (1, 3)
    scores = [score for _, _, score in marks]
    return (2,) if marks and sum(scores) < SURE_SCORE * len(scores) else ()


def _weigh_marks(marks: list[_Mark]) -> float:
    """Return how much was read, and how surely: letters times their score above the least."""
    return sum(len(text) * (score - LEAST_SCORE) for text, _, score in marks)


def _find_models() -> dict[str, Path]:
    """Return the files of the models that the package carries."""
    place = find_spec("rapidocr")
    if place is None or not place.origin:
        raise OcrUnavailable("OCR is not installed: pip install 'ragdesk[ocr]'")
    folder = Path(place.origin).parent / "models"
    models = {step: sorted(folder.glob(pattern)) for step, pattern in _MODELS.items()}
    if missing := [step for step, files in models.items() if len(files) != 1]:
        raise OcrUnavailable(
            f"RapidOCR carries no model, or several, for {', '.join(missing)}:"
            " pip install --force-reinstall 'ragdesk[ocr]'"
        )
    return {step: files[0] for step, files in models.items()}
