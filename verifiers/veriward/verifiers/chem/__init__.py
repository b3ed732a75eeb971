"""Chemistry, through RDKit: the extra `chem`."""
