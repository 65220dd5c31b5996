"""How fast attempts may leave: what headers say of the server's budgets, else a search.

Decides and never waits. `README.md` beside this explains it on one page: the states, what is
learnt from which header, when it is given up, and every constant.
"""
