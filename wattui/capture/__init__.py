"""Records a command: its process, stages, signals and output, headless or from the dashboard."""
