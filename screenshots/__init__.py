"""Pictures of the real program, and what makes them."""
