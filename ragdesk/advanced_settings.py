"""The settings that only we tune: they stand in ``[advanced.TABLE]``, apart from the others.

An option class knows nothing of this: which of its fields an operator is shown is decided here.
Up to 0.1.0 they stood in the table of their step; from there they are still read.
"""

from collections.abc import Mapping
from typing import Final

ADVANCED_TABLE: Final = "advanced"
MOST_SHOWN: Final = 151  # settings shown; a test holds it, DECISIONS.md says how it may grow
ADVANCED_NOTE: Final = (
    "Advanced settings are weights and constants that we fitted together, on measurements. With "
    "another value than the default, the figures that we publish for quality, speed and "
    "resilience no longer hold: measure your own before and after (ragdesk eval run)."
)
ADVANCED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "embed": ("reads_cjk",),
    "parse": ("comments",),
    "ray": ("batch",),
    "retrieve": (
        "pool",
        "look",
        "lexical",
        "dense",
        "worded",
        "rise",
        "name",
        "focus",
        "title",
        "context",
        "spread",
        "near",
        "faq",
        "same",
    ),
    "rerank": ("backend", "depth"),
    "reader": ("enabled", "units", "worth", "weights"),
    "extract": (
        "passages",
        "second",
        "passage",
        "above",
        "before",
        "figures",
        "kind",
        "close",
        "margin",
        "cosine",
        "own_language",
        "compared",
        "english",
        "chinese",
    ),
    "decide": ("model_floor",),
    "clarify": ("near", "floor", "most"),
    "turns": ("floor",),
    "generate": ("connect_seconds", "trips", "rest_seconds"),
    "vllm": ("prefix_caching",),
    "ground": ("passages", "per_document"),
    "verify": ("supported", "partial"),
    "surge": ("hours", "days", "least", "sigmas"),
    "serve": (
        "max_json_bytes",
        "max_unauthenticated",
        "max_arriving",
        "poll_seconds",
        "retry_seconds",
    ),
    "sign_in": ("oidc_claim",),
    "limits": (
        "network_per_minute",
        "site_per_minute",
        "session_per_minute",
        "key_per_minute",
        "visitor_concurrent",
        "site_concurrent",
        "session_concurrent",
        "key_concurrent",
    ),
}


def is_advanced(option: str) -> bool:
    """Tell whether an option, named by table and field, is one that only we tune.

    >>> is_advanced("retrieve.near"), is_advanced("retrieve.top_k")
    (True, False)
    """
    table, _, key = option.partition(".")
    return key in ADVANCED_FIELDS.get(table, ())


def setting_name(option: str) -> str:
    """Return the name under which an option is set and shown.

    >>> setting_name("retrieve.near"), setting_name("retrieve.top_k")
    ('advanced.retrieve.near', 'retrieve.top_k')
    """
    return f"{ADVANCED_TABLE}.{option}" if is_advanced(option) else option


def option_name(setting: str) -> str | None:
    """Return the option that a setting's name means, by table and field; None for no such place.

    The old name of an advanced setting means the same option. Whether there is an option of that
    name is not looked at, except under ``advanced``.

    >>> option_name("advanced.retrieve.near"), option_name("retrieve.near")
    ('retrieve.near', 'retrieve.near')
    >>> option_name("advanced.retrieve.top_k")
    """
    head, _, option = setting.partition(".")
    if head != ADVANCED_TABLE:
        return setting
    return option if is_advanced(option) else None
