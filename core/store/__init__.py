"""One store on SQLite and on PostgreSQL. It writes what others decided.

`engine` opens the database. `writer` lets writes share commits (`batch` applies one transaction), `commands` are the
writes of delivery, by prepared `statements`, `circuits` maps a breaker to its row, `schema` has the tables and
`migrations` their history.
"""
