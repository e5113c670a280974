"""Makes the keyword spotter that `workloads.kws` ships: speech, features, training, files."""
