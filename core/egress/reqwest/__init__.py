"""The sender on pyreqwest, which the service uses."""
