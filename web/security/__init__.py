"""Authentication, sessions, CSRF protection, allowed hosts and security headers.

`guards` authenticates every request, by an API key or by the session that `cookies` reads. `csrf` and `origin` protect
changes under a session. `middleware` wraps the application and rejects hosts that `hosts` does not allow.
`preserved_form` saves the text of a form whose session has ended. The routes that start and end a session are forms of
the pages.
"""
