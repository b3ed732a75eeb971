"""Games and worlds in text, each a module with its rules."""
