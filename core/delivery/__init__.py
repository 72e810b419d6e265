"""The engine. A message passes `intake`, `scheduler` and `lane`, `dispatcher`, `attempt` and `attempt_record`.

`endpoint_cache` has the endpoints in memory, `recovery` requeues the deliveries of dead workers, `change_feed`
publishes what changed, and `supervisor` runs the background tasks.
"""
