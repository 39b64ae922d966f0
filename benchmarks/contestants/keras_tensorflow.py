"""Keras on TensorFlow, as its users train: float32 arrays, `compile` and `fit`.

The variant "xla" compiles with `jit_compile=True`. "tf-data" keeps the images as uint8 and makes
float32 batches of them in a `tf.data` pipeline, which needs less memory and more lines.
"""

from __future__ import annotations

import os
from typing import Any

from contestants import Job
from networks import keras_network

SHUFFLED = 60_000  # all of MNIST, as `fit` shuffles all of its arrays


class Keras:
    """Default settings but for the batch size; the progress bar is off."""

    def __init__(self, job: Job) -> None:
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if os.environ["KERAS_BACKEND"] == "tensorflow":
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(job.threads)
            tf.config.threading.set_inter_op_parallelism_threads(job.threads)
        self.job = job
        self.model = keras_network(job.network)
        self.parameters = sum(int(w.size) for w in _numpy(self.model.trainable_weights))
        self.model.compile(
            optimizer="adam", loss="mse",
            **({"jit_compile": True} if job.variant == "xla" else {}),
        )  # fmt: skip
        if job.variant != "tf-data":
            self.images = job.images[..., None].astype("float32") / 255

    def train(self, steps: int) -> None:
        size, count = self.job.batch, steps * self.job.batch
        if self.job.variant == "tf-data":
            self.model.fit(_pipeline(self.job.images[:count], size), verbose=0)
            return
        x = self.images[:count]
        self.model.fit(x, x, batch_size=size, verbose=0)


def _numpy(weights: Any) -> list[Any]:
    return [weight.numpy() for weight in weights]


def _pipeline(images: Any, size: int) -> Any:
    """Batches of images and the same images as targets, from uint8."""
    import tensorflow as tf

    def floats(batch: Any) -> Any:
        x = tf.cast(batch[..., None], tf.float32) / 255
        return x, x

    source = tf.data.Dataset.from_tensor_slices(images)
    return source.shuffle(SHUFFLED).batch(size).map(floats).prefetch(tf.data.AUTOTUNE)


build = Keras
