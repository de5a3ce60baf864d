r"""What a website lets be read: its robots.txt, as RFC 9309 describes it.

>>> text = "User-agent: *\nDisallow: /private/\nAllow: /private/help$"
>>> rules = parse_robots(text, "ragdesk")
>>> [rules.allows(path) for path in ("/", "/private/x", "/private/help", "/private/help/x")]
[True, False, True, False]
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote

ROBOTS_BYTES = 512_000  # that are read of it, as the RFC wants at least
_MOST_RULES = 1_000
_MOST_WILDCARDS = 20
_LONGEST_DELAY = 60.0  # seconds between two requests


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotsRules:
    """The rules for one robot. rules: whether a pattern allows, and its text."""

    rules: tuple[tuple[bool, str], ...] = ()
    delay: float = 0.0
    sitemaps: tuple[str, ...] = ()

    def allows(self, path: str) -> bool:
        """Tell whether a path with its query may be read: the longest pattern that fits decides."""
        spelt = _normalise(path)
        fitting = [(len(text), allowed) for allowed, text in self.rules if _fits(text, spelt)]
        return max(fitting, default=(0, True))[1]


def parse_robots(text: str, agent: str) -> RobotsRules:
    """Read the rules for a robot: those of its own name, else those for all.

    Lines that are not understood are passed over.
    """
    groups: dict[str, list[tuple[bool, str]]] = {}
    delays: dict[str, float] = {}
    sitemaps: list[str] = []
    names: list[str] = []
    in_rules = False
    for line in text[:ROBOTS_BYTES].lstrip("\ufeff").splitlines():
        field, colon, value = line.partition("#")[0].partition(":")
        field, value = field.strip().lower(), value.strip()
        if not colon:
            continue
        if field == "user-agent":
            names = [*([] if in_rules else names), value.lower()]
            in_rules = False
            groups.setdefault(value.lower(), [])
        elif field == "sitemap":
            sitemaps.append(value)
        elif field in {"allow", "disallow"}:
            in_rules = True
            rule = (field == "allow", _normalise(value))
            for name in names if _is_pattern(value) else ():
                groups[name].append(rule)
        elif field == "crawl-delay":
            in_rules = True
            delays.update(dict.fromkeys(names, _read_delay(value)))
    name = agent.lower() if agent.lower() in groups else "*"
    return RobotsRules(
        rules=tuple(groups.get(name, [])[:_MOST_RULES]),
        delay=delays.get(name, 0.0),
        sitemaps=tuple(sitemaps[:1_000]),
    )


def _is_pattern(value: str) -> bool:
    return value.startswith(("/", "*")) and value.count("*") <= _MOST_WILDCARDS


def _read_delay(value: str) -> float:
    try:
        return min(_LONGEST_DELAY, max(0.0, float(value)))
    except ValueError:
        return 0.0


def _normalise(path: str) -> str:
    """Spell a path so that two spellings of one are the same."""
    return quote(unquote(path, errors="replace"), safe="/*$?=&:;,+@!~'()")


def _fits(pattern: str, path: str) -> bool:
    """Tell whether a path begins as a pattern says; ``*`` is anything, ``$`` at its end the end."""
    anchored = pattern.endswith("$")
    pieces = pattern.removesuffix("$").split("*")
    if not path.startswith(pieces[0]):
        return False
    at = len(pieces[0])
    for piece in pieces[1:-1]:
        at = path.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    last = pieces[-1] if len(pieces) > 1 else ""
    if anchored:
        return at == len(path) if len(pieces) == 1 else path[at:].endswith(last)
    return path.find(last, at) >= 0
