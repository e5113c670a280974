"""Pictures of the real program, and the code that makes them."""
