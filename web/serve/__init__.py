"""Start the service as a process: settings, banner, example, demo, doctor, drain."""
