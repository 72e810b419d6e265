"""Decisions about delivery: no I/O, no randomness, no third-party import; time comes in from outside.

To understand delivery, read in this order:

==========  =================================================================================================
`states`    the states of a delivery and an endpoint, and the failure classes
`outcome`   what one attempt met: a response or a transport failure
`verdict`   what an outcome means: for the delivery, for its lane, for the circuit; with the table of semantics
`retry`     when a failed delivery is retried
`circuit`   when deliveries to an endpoint are sent: state machine, configuration, window of recent calls
`signing`   how a request is signed; its secrets are in `signing_secrets`
`target`    which URLs, host names, addresses and custom headers are allowed
`errors`    the exceptions and their messages
==========  =================================================================================================

`bounds` checks numbers, `event_type` checks event types, `lease` has the duration of a lease, `latency` has histograms,
`health` is the state of a background task.

One default reads a clock: a `CircuitBreaker` that is called without `now`, as the specification allows. The service
always passes the time.
"""
