"""The first thing that a person reads: where to look, how to get in, and one line to paste."""

from breakwater.web.serve.first_start import EXAMPLE_EVENT, Welcome


def banner(welcome: Welcome) -> str:
    """Return what is printed once the service answers."""
    rows = [("Open", welcome.url, "")]
    if welcome.sign_in:
        rows.append(("Sign in", welcome.sign_in, "works once, within ten minutes"))
    if welcome.key:
        rows.append(("API key", welcome.key, "shown this once; it sends and operates"))
    width = max(len(label) for label, _, _ in rows)
    lines = ["", "Breakwater is running.", ""]
    for label, value, note in rows:
        lines.append(f"  {label:<{width}}  {value}")
        lines += [f"  {'':<{width}}  ({note})"] if note else []
    if welcome.key and welcome.example:
        lines += [
            "",
            "Send a webhook to the example receiver, and watch it arrive:",
            "",
            f"  {curl_line(welcome)}",
        ]
    return "\n".join([*lines, "", "Ctrl-C ends it; what is under way is finished first.", ""])


def curl_line(welcome: Welcome) -> str:
    """Return one line for a shell that sends the first webhook."""
    return (
        f"curl {welcome.url}/api/v1/messages -H 'Authorization: Bearer {welcome.key}' "
        f"-H 'Content-Type: application/json' "
        f"""-d '{{"event_type": "{EXAMPLE_EVENT}", "payload": {{"greeting": "ahoy"}}}}'"""
    )
