"""Pictures of the real program, and the scripts that make them."""
