"""The main screen, and the screens and dialogs that open over it."""
