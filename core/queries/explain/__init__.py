"""Why a delivery is in its state, and what resending it would do, in one sentence each."""
