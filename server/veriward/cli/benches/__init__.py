"""The rows of `veriward bench`: each measures one kind of work, beside its baseline, in the same run."""
