"""The curl command on empty pages that creates a first delivery."""

from breakwater.web.pages.reply import PageRequest, runtime_of


def first_webhook(request: PageRequest) -> str:
    """Return a curl command that sends a message to this service."""
    settings = runtime_of(request).settings
    origin = settings.base_url or f"{request.url.scheme}://{request.url.netloc}"
    return (
        f"curl -X POST {origin}/api/v1/messages \\\n"
        '  -H "Authorization: Bearer $BREAKWATER_KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        """  -d '{"event_type": "hello.world", "payload": {"hello": "breakwater"}}'"""
    )
