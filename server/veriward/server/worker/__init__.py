"""A worker: a supervisor with its warm parents, graders and sandbox keepers."""
