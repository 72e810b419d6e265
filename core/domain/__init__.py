"""Decisions about delivery, and nothing else: no I/O, no randomness, no third-party import; time comes in from outside.

To understand delivery, read in this order:

==========  =======================================================================================================
`states`    where a delivery, an endpoint and an attempt stand, a sentence for each value
`outcome`   what one attempt met
`verdict`   what an outcome means: for the delivery, for its lane, for the circuit. Its table is the heart of it
`retry`     when a failed delivery is tried again
`circuit`   when an endpoint is called at all; its settings are in `circuit_config`, its words in `circuit_state`,
            its count of recent calls in `call_window`
`signing`   how a request proves where it comes from; its secrets are in `signing_secrets`
`target`    which URLs may be called: host names are judged in `hostname`, addresses and ports in `networks`
`errors`    what can go wrong, and how it says so
==========  =======================================================================================================

The rest checks and measures: `bounds` numbers within limits, `custom_headers` what an endpoint may add to a request,
`latency` response times in few numbers.

One default reads a clock: a `CircuitBreaker` that is called without `now`, as the specification calls it. The service
always says what time it is.
"""
