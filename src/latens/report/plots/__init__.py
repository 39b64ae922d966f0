"""One figure file a result: `draw(result, arrays)` and `CAPTIONS`."""
