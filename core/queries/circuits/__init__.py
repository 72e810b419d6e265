"""Read models of circuits and their history."""
