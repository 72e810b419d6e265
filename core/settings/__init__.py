"""What an operator can set, where it is read from, and what is said when a value is wrong."""

from breakwater.core.settings.model import ENV_PREFIX, Settings, load_settings, unknown_variables
from breakwater.core.settings.service_links import service_links

__all__ = ["ENV_PREFIX", "Settings", "load_settings", "service_links", "unknown_variables"]
