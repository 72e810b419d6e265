"""The delivery engine: from an accepted message to the record of its last attempt.

Read the files in this order:

1. `intake`: accepts a message. It commits the message with its deliveries, and claims those that can be sent now.
2. `endpoint_cache`: the endpoints in memory, ready to be sent to; `endpoint_changes` reloads them after each commit.
3. `lane`: the deliveries of one endpoint. It decides when they may be sent, by `rate_limit`, concurrency and circuit.
4. `scheduler`: all lanes. It runs them when something is due, and shares the process's slots among them.
5. `dispatcher`: claims what the scheduler asks for, sends it, and saves the results.
6. `attempt`: makes one HTTP request.
7. `attempt_record`: evaluates a finished attempt: what is stored of it, what is logged, and what follows.
8. `recovery`: puts deliveries back to work whose process died.
9. `change_feed` publishes what changed; `supervisor` runs background tasks; `context` holds the shared parts.

The writes are in `core.store.commands`: `accept`, `claim`, `record` and `recover`.
"""
