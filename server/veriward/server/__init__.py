"""The HTTP service: gateway, queue, worker, graders."""
