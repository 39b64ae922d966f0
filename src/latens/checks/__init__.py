"""What is worth saying about a run or a comparison, each finding with a stable code."""
