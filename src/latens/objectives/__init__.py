"""What is learned, one file each; the file's name is the `kind` in the spec.

Each has `build(spec, class_counts=None) -> objective`, where `class_counts` (int64 `[K]`) says how
many training images each class has, for those that answer imbalance. An objective has
  `step(model, batch) -> Step`: one loss to go down, and named sums and counts;
  `score(values) -> tuple[float, ...]`: validation means to something where larger is better;
  `metric`: the name of the number that people watch.

What an objective draws (noise, masks, codes) comes from torch's global generator, which the loop
seeds before each step, and before each batch of a validation with the batch's number alone.
"""
