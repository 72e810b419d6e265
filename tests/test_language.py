"""Texts and identifiers use the terms of the glossary in docs/architecture.md. Private words are rejected."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("core", "web", "templates", "static", "tests", "bench", "docs")
SUFFIXES: Final = {".py", ".html", ".md", ".js", ".css", ".toml", ".mako", ".xml", ".txt"}
SKIPPED: Final = {
    "tests/test_language.py": "it lists the phrases",
    "constraints.txt": "names of packages",
    "requirements.txt": "names of packages",
    "static/htmx.min.js": "vendored",
    "static/htmx-ext-sse.min.js": "vendored",
    "static/idiomorph-ext.min.js": "vendored",
    "static/fonts/OFL.txt": "a license",
}

PHRASES: Final = {
    # accepting and sending
    "hand in": "accept, send",
    "hands in": "accepts, sends",
    "handed in": "accepted, sent",
    "hand-in": "API request",
    "hand_in": "accept",
    "handing in": "sending",
    "born claimed": "pre-claimed at intake",
    "under way": "in flight",
    "under_way": "in_flight",
    "goes nowhere": "no subscriber",
    "passes the framework by": "bypasses the framework",
    "pass the framework by": "bypass the framework",
    "callable_port": "is_allowed_port",
    "may not be called": "may not be requested",
    "its url is called": "its URL is requested",
    # outcomes
    "no answer": "no response",
    "last answer": "last response",
    "receiver answers": "receiver responds with",
    "receiver answered": "receiver responded with",
    "receiver's answer": "the response",
    "asked to slow down": "rate limited (429)",
    "asked to wait": "rate limited (429)",
    "asks for no more": "410 Gone",
    "gets no more": "endpoint disabled (410 Gone)",
    "asked for another try": "asked to retry (408/425)",
    "address not allowed": "blocked address",
    "outcomekind.slowed": "THROTTLED",
    "outcomekind.broken": "SERVER_ERROR",
    "outcomekind.silent": "NO_RESPONSE",
    "unanswered": "TransportFailure",
    "noanswer": "TransportError",
    "undialled": "ConnectFailed",
    "what became of": "result, outcome",
    "becomes of": "result, outcome",
    "become of": "result, outcome",
    "came of it": "result",
    "came of that": "result",
    "comes of it": "result",
    "what an attempt came to": "the result of an attempt",
    # circuits and holds
    "taking nothing": "on hold",
    "until somebody": "until you, until a person",
    "circuits that are not closed": "open circuits",
    "more that are not closed": "open circuits (n)",
    "probe out": "probe in flight",
    "probes out": "probes in flight",
    "failures in a row": "consecutive failures",
    "failures_in_a_row": "consecutive_failures",
    "nothing waits": "no deliveries waiting",
    "is_calm": "is_pristine",
    "failed lately": "recent failures",
    "hold differently": "change hold",
    "whoever finds it held": "reason (shown to others)",
    "held deliveries follow": "releasing n held deliveries",
    "one at first": "slowly at first",
    "spend no attempts": "use up no retries",
    "spends no attempts": "uses up no retries",
    "spending their attempts": "using up their retries",
    # parts
    "insights": "queries",
    "summariser": "stats rollup",
    "summarizer": "stats rollup",
    "warden": "expiry job, auto-disable",
    "sweeper": "recovery",
    "pruner": "retention",
    "replayer": "replay runner",
    "looper": "supervisor",
    "rescued": "requeued",
    "rescuelost": "RequeueExpired",
    "rescues": "requeues",
    "take_over": "recover_on_start",
    "spared": "exclude",
    "look round": "poll",
    "look_round": "poll",
    "looks round": "polls",
    "looked_round": "polled",
    "lanefacts": "EndpointSnapshot",
    "circuitfacts": "CircuitSnapshot",
    "do_because": "run_operation",
    "perimeter": "SecurityMiddleware",
    "let_in": "authenticate",
    "harbour": "RunningEngine",
    "quay": "RunningApp",
    "the journal": "the audit log",
    "_journal": "_audit_log",
    "visits.everything": "OffloadPolicy.ALL",
    "distrust": "KeepAlivePolicy",
    "self._directory": "self._endpoint_cache",
    "outbound/": "egress/",
    "core.engine": "core.delivery",
    "core.sql": "core.store",
    "core/engine": "core/delivery",
    "core/sql": "core/store",
    # idiom
    "whoever": "anybody who, the person who",
    "whomever": "the person who",
    "lest": "so that ... not",
    "be it": "also",
    "meanwhile": "until then",
    "who is let through": "a caller that is admitted",
    "at night": "(the reason)",
    "nobody foresaw": "internal error; see the service log",
    "not well": "unhealthy",
    "ailing": "unhealthy",
    "breakwater itself": "background tasks",
    "for ever": "forever, or the bound",
    "the doors": "sign-in routes",
    "at the door": "at sign-in",
    "door.html": "auth.html",
    "anew": "again",
    "hung up": "disconnected",
    "hangs up": "disconnects",
    "what came of": "result, outcome",
    "of its own accord": "automatically",
    "told apart": "distinguished",
    "tells apart": "distinguishes",
    "handed on": "returned, forwarded",
    "given back": "released, returned",
    "before the eyes": "on the open page",
    "read aloud": "has a label",
    "dialled": "requested, connected to",
    # validation messages
    "is no valid": "is not a valid",
    "is no name": "is not a valid name",
    "is no json": "is not valid JSON",
    "is no number": "is not a number",
    "is no parameter": "is not a known parameter",
    "is no scope": "is not a scope",
    "is no status": "is not a status",
    "is no role": "is not a role",
    "is no time": "is not a time",
    "is no url": "is not a URL",
    "is no host": "is not a host",
    "is no field": "is not a field",
    "is no address": "is not an address",
    "is no list": "is not a list",
    "is no id": "is not an id",
    "no full name": "not a full name",
    # pages
    "tick what": "select deliveries to resend",
    "the first that would go out": "preview",
    "where they go": "endpoints",
    "what was asked": "filter",
    "what was done to it": "history",
    "settings it had": "last settings",
    "of this browser.": "saved in this browser",
    "may look at this": "can view",
    "any outcome": "all outcomes",
    "takes what it is sent": "accepts deliveries",
    "unless it says its zone": "unless you add an offset",
    # names
    "_bury": "_notify_dead_letter",
    "_hush": "_silence_loggers",
    "_how_well": "_sort_key",
    "_go_first": "_queue_first",
    "span_words": "format_duration",
    "on_clock": "format_time",
    "most_at_once": "MAX_BULK_RESEND",
    "believed_seconds": "CREDENTIAL_CACHE_SECONDS",
    "given_up_after": "AUTO_DISABLE_AFTER",
    "_little_space": "LOW_DISK_BYTES",
    "drawn.html": "rendered_at.html",
    "said.html": "flash.html",
    "kept_form": "preserved_form",
    "replay_standing": "replay_badge",
    "circuit_standing": "circuit_badge",
    "endpoint_standing": "endpoint_badge",
}
"""What is rejected, in lower case, and what the glossary says instead."""

TASK_NAME: Final = "the name of a background task, in /health/ready, in metrics and on Now"
LOG_NAME: Final = "the name of a logger or of a log event, which log pipelines select"
ALLOWED: Final[dict[tuple[str, str], str]] = {
    ("core/runtime.py", "sweeper"): TASK_NAME,
    ("core/runtime.py", "warden"): TASK_NAME,
    ("core/runtime.py", "pruner"): TASK_NAME,
    ("core/runtime.py", "replayer"): TASK_NAME,
    ("core/runtime.py", "summariser"): TASK_NAME,
    ("docs/architecture.md", "sweeper"): TASK_NAME,
    ("docs/architecture.md", "warden"): TASK_NAME,
    ("docs/architecture.md", "pruner"): TASK_NAME,
    ("docs/architecture.md", "replayer"): TASK_NAME,
    ("docs/architecture.md", "summariser"): TASK_NAME,
    ("tests/", "sweeper"): TASK_NAME,
    ("tests/", "pruner"): TASK_NAME,
    ("core/delivery/recovery.py", "sweeper"): LOG_NAME,
    ("core/maintenance/", "warden"): LOG_NAME,
    ("core/maintenance/", "pruner"): LOG_NAME,
}
"""The start of a path and the phrase that stays there, with the reason."""


IDENTIFIERS: Final = {
    **dict.fromkeys(
        ("found", "known", "seen", "one", "each"), "what it holds: rows, statement, cached, endpoint"
    ),
    **dict.fromkeys(("wanted", "asked", "given"), "filters, fields, values, change"),
    **dict.fromkeys(
        ("kept", "told", "said", "meant", "taken", "moved"), "what it holds: transitions, phrases, names"
    ),
    **dict.fromkeys(("answer", "answers", "answered"), "response"),
    **dict.fromkeys(("thing", "things", "whom", "who", "beside"), "the noun of the thing"),
    **dict.fromkeys(
        ("tell", "turn", "bury", "hush", "spend"), "a verb with an object: publish_change, set_state"
    ),
    **dict.fromkeys(("insights", "warden", "sweeper", "journal", "deed"), "a term of the glossary"),
    "of": "get, list, parse, count: what the function does",
}
"""Rejected names of functions, classes, parameters and variables, without underscores, and what to use instead."""

IDENTIFIER_FOLDERS: Final = ("core", "web", "bench")
ALLOWED_IDENTIFIERS: Final[dict[tuple[str, str], str]] = {
    ("core/domain/errors.py", "of"): "an alternative constructor: InvalidInput.of(field, message)",
    ("core/domain/retry.py", "of"): "an alternative constructor: RetryPolicy.of(delays, jitter)",
}
"""The file and the name that stays there, with the reason."""


def texts() -> Iterator[tuple[str, str]]:
    """Yield the path and the content of every text file of the repository."""
    folders = (path for name in FOLDERS for path in (ROOT / name).rglob("*"))
    for path in sorted((*ROOT.iterdir(), *folders)):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in SUFFIXES and name not in SKIPPED and path.is_file():
            yield name, path.read_text(encoding="utf-8")


def lines_of(phrase: str, text: str) -> list[int]:
    """Return the lines on which `phrase` begins, as whole words; it may go on in the next line, comments included."""
    words = r"\s+(?:#+ )?".join(map(re.escape, phrase.split()))
    before = r"(?<![a-z])" if phrase[0].isalpha() else ""
    after = r"(?![a-z])" if phrase[-1].isalpha() else ""
    matches = re.finditer(before + words + after, text, re.IGNORECASE)
    return [text.count("\n", 0, match.start()) + 1 for match in matches]


def occurrences() -> dict[tuple[str, str], list[int]]:
    """Return the lines of each file and phrase. Most files have none, which the folded text shows quickly."""
    places = {}
    for name, text in texts():
        folded = " ".join(text.lower().replace("# ", " ").split())
        for phrase in PHRASES:
            if phrase in folded and (lines := lines_of(phrase, text)):
                places[name, phrase] = lines
    return places


def exception_for(name: str, phrase: str) -> tuple[str, str] | None:
    """Return the entry of `ALLOWED` for a phrase in a file, if there is one."""
    return next((key for key in ALLOWED if name.startswith(key[0]) and phrase == key[1]), None)


def test_texts_use_the_terms_of_the_glossary() -> None:
    problems = [
        f'{name}:{line}: "{phrase}" (use: {PHRASES[phrase]})'
        for (name, phrase), lines in occurrences().items()
        if exception_for(name, phrase) is None
        for line in lines
    ]
    assert not problems, "\n" + "\n".join(problems)


def test_every_exception_is_still_needed() -> None:
    used = {exception_for(name, phrase) for name, phrase in occurrences()}
    assert set(ALLOWED) - used == set()


def test_a_phrase_is_seen_across_lines_and_in_comments() -> None:
    assert lines_of("under way", "one\n# what is under\n# way here") == [2]
    assert lines_of("lest ", "the latest one, Lest it fall") == [1]
    assert lines_of("warden", "wardens and WARDEN") == [1]


def names_in(source: str) -> Iterator[tuple[str, int]]:
    """Yield every name that `source` defines, with its line: functions, classes, parameters, variables, aliases."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node.lineno
            case ast.arg():
                yield node.arg, node.lineno
            case ast.Name(ctx=ast.Store()):
                yield node.id, node.lineno
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr, node.lineno
            case ast.alias(asname=str() as alias):
                yield alias, node.lineno
            case ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name):
                yield name, node.lineno
            case _:
                pass


def identifiers() -> Iterator[tuple[str, str, int]]:
    """Yield file, name and line of every rejected identifier."""
    for path in sorted(path for folder in IDENTIFIER_FOLDERS for path in (ROOT / folder).rglob("*.py")):
        for name, line in names_in(path.read_text(encoding="utf-8")):
            if name.strip("_").lower() in IDENTIFIERS:
                yield path.relative_to(ROOT).as_posix(), name.strip("_").lower(), line


def test_identifiers_say_what_they_hold() -> None:
    problems = [
        f"{file}:{line}: {name} (use: {IDENTIFIERS[name]})"
        for file, name, line in identifiers()
        if (file, name) not in ALLOWED_IDENTIFIERS
    ]
    assert not problems, "\n" + "\n".join(problems)


def test_every_kind_of_definition_is_seen() -> None:
    source = """
import json as told
class Wanted:
    kept = 1
    def of(self, asked):
        self._found = [one for one in asked]
        with open(asked) as given:
            match given:
                case {"a": each}:
                    pass
        try:
            pass
        except OSError as said:
            pass
"""
    names = {"told", "Wanted", "kept", "of", "self", "asked", "_found", "one", "given", "each", "said"}
    assert {name for name, _ in names_in(source)} == names


def test_every_exception_of_an_identifier_is_still_needed() -> None:
    assert set(ALLOWED_IDENTIFIERS) - {(file, name) for file, name, _ in identifiers()} == set()
