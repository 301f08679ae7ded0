"""What is trained: distributions, divergences, nets, objectives, and the VAE they make."""
