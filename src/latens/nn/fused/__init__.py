"""Neighbouring layers that work together: the same result, with less work.

A network is written as plain layers, and its weights are saved under their names. How they are
computed is decided when they are used: `sequence.Fused` asks the files of this folder, one after
the other, whether they can take the next layers together. Every rewrite is exact but for rounding.
"""
