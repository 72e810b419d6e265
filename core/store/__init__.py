"""One store on SQLite and on PostgreSQL.

`engine` opens it and alone asks which of the two it is, `writer` lets writes share commits, `statements` are what the
delivery of webhooks writes, `tables` say what is kept and `migrations` how that came about.
"""
