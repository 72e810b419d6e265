"""The service's sender, on pyreqwest."""
