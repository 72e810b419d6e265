"""What an operator can set, where it is read from, and what is said when a value is wrong."""

from breakwater.core.settings.model import ENV_PREFIX, Settings, load_settings, unknown_variables

__all__ = ["ENV_PREFIX", "Settings", "load_settings", "unknown_variables"]
