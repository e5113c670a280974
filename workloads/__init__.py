"""The bundled workloads: known networks and commands to measure."""
