"""The loop and what it needs: devices, optimisers, schedules, checkpoints, records."""
