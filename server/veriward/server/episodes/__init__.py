"""Episodes as a gateway keeps them: a book of states, whose turns are played by graders."""
