"""SQL of tasks and of models on a real PostgreSQL server: a process of the worker's that alone holds its address.

Why here: a grader has no network and holds gold, and a sandbox child that held a password would hand it to whatever
gets out of libpq. So a request travels as an execution does (`keeper.py`), and what it may do is bounded where it runs:
by a role and a database of that server's own, made for one run and dropped after it (`databases.py`).

What is not covered: the server's memory. PostgreSQL bounds none per query; its operator does (docs/sql.md).
"""
