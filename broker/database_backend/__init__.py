"""Django's PostgreSQL backend, and on whose behalf each transaction asks."""
