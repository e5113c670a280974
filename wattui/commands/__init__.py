"""The subcommands: one module each, named after it and imported when it is called."""
