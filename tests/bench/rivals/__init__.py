"""Scripts as one would write them in an afternoon: send every row, keep its status, no more."""
