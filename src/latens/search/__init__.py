"""Search over hyper-parameters on Optuna: what is tried, the queue of trials, who works on them."""
