"""The writes of delivery, one kind per file. Each serves a whole batch of members in a constant number of statements.

Every change of a delivery's state is guarded by the state and the fencing token that it leaves.
"""
