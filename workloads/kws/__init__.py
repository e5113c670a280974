"""A keyword spotter for "aloha": 390-256-256-29, its weights, its test set, its accuracy."""
