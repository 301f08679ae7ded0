"""How unweave is called: the command line and scikit-learn's face."""
