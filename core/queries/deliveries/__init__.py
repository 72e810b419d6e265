"""Read models of deliveries, their attempts and their messages."""
