"""The numbers of the ways in which this program makes vectors.

Raise one by hand where pooling, prefixes, normalising or the export change what the same model
gives: collections of another number are embedded anew.
"""

EMBEDDING_RECIPES = {"fp32": 1, "int8": 1, "none": 1, "word-table": 1}
EXPORT_RECIPE = 1  # counts changes of export and quantisation that change vectors
TOKENIZER_RECIPE = 1
"""Counts changes of where the pieces of the packaged multilingual model begin: documents are split
anew, and only what comes out otherwise is embedded."""
_INT8_MARK = "-int8."


def name_int8_revision() -> str:
    """Return what the revision of an int8 model ends in.

    >>> name_int8_revision() == f"-int8.{EXPORT_RECIPE}"
    True
    """
    return f"{_INT8_MARK}{EXPORT_RECIPE}"


def split_revision(revision: str) -> tuple[str, int]:
    """Split a model's revision into the part that names it, and the recipe of its export or 0.

    >>> split_revision("d49d-int8.2"), split_revision("d49d")
    (('d49d-int8.', 2), ('d49d', 0))
    """
    model, mark, number = revision.rpartition(_INT8_MARK)
    if mark and number.isdecimal():
        return f"{model}{mark}", int(number)
    return revision, 0
