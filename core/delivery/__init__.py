"""What Breakwater does: the domain decides, the store keeps, the wire sends, and this is what holds them together.

A webhook passes `intake`, `dispatcher` (which does what `lanes` and each `lane` say), `attempt` and `results`. People
act by `operations`, `replays`, `endpoints` and `access`, and read by `insights`. In the background `looper` keeps
`sweeper`, `warden`, `summariser` and `pruner` going.
"""
