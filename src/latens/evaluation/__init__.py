"""Numbers from a trained model; the pure parts know arrays alone."""
