"""The product broken on purpose: `python -m tests.mutants` breaks it in one way after the other, and a named test has to notice each."""
