"""The text that a start prints: the URL, a sign-in link, an API key and a command that sends a first webhook."""

from breakwater.web.serve.first_start import EXAMPLE_EVENT, Welcome


def banner(welcome: Welcome) -> str:
    """Return the text to print once the service accepts requests."""
    rows = [("Open", welcome.url, "")]
    if welcome.sign_in:
        rows.append(("Sign in", welcome.sign_in, "works once, expires in 10 minutes"))
    if welcome.key:
        rows.append(("API key", welcome.key, "shown only now; scopes: send, operate"))
    width = max(len(label) for label, _, _ in rows)
    lines = ["", "Breakwater is running.", ""]
    for label, value, note in rows:
        lines.append(f"  {label:<{width}}  {value}")
        lines += [f"  {'':<{width}}  ({note})"] if note else []
    if welcome.key and welcome.example:
        lines += [
            "",
            "Send a webhook to the example receiver:",
            "",
            f"  {curl_line(welcome)}",
        ]
    return "\n".join([*lines, "", "Press Ctrl-C to stop. Attempts in flight are finished first.", ""])


def curl_line(welcome: Welcome) -> str:
    """Return a shell command that sends the first webhook."""
    return (
        f"curl {welcome.url}/api/v1/messages -H 'Authorization: Bearer {welcome.key}' "
        f"-H 'Content-Type: application/json' "
        f"""-d '{{"event_type": "{EXAMPLE_EVENT}", "payload": {{"greeting": "ahoy"}}}}'"""
    )
