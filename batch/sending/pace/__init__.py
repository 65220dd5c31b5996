"""How fast attempts may leave: what headers say of the server's budgets, else a search."""
