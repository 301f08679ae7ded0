"""An example of a package that adds one thing of every kind to unweave, each in a file of its own."""
