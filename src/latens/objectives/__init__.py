"""What is learned, one file each; the file's name is the `kind` in the spec.

Each has `build(spec) -> objective` with
  `step(model, batch) -> Step`: one loss to go down, and named sums and counts;
  `score(values) -> tuple[float, ...]`: validation means to something where larger is better;
  `METRIC`: the name of the number that people watch.
"""
