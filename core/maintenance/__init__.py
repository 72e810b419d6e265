"""Background jobs: retention, the statistics rollup, expiry of holds and of failing endpoints."""
