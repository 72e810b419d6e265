"""Authentication, sessions, cookies, CSRF, and which hosts and origins are accepted."""
