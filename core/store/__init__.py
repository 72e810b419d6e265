"""One store on SQLite and on PostgreSQL. It writes what others decided.

`engine` opens the database, and only it asks for the dialect. `writer` lets writes share commits (`batch` applies one
transaction), `commands` are the writes of delivery, `circuits` maps a breaker to its row, `schema` has the tables and
`migrations` their history.
"""
