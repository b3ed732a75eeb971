"""One module per trainer, imported only when asked for."""
