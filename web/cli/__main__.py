"""`python -m web.cli`, for a checkout that is not installed."""

from web.cli import main

main()
