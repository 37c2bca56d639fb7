#!/usr/bin/python3
"""Writes the edge cases beside this file anew: /usr/bin/python3 test/golden/edge/make.py (Debian: python3-torch 1.13, python3-scipy).

They are what the reference data leave out: shapes of one, windows that do not fit, few values, ties, arguments at the ends of
float32. `npm run golden -- --dir test/golden/edge` runs them, and so do the tests, on every backend."""

import os

import layers
import measures
import training

folder = os.path.dirname(os.path.abspath(__file__))
for group in (layers.make(), training.losses(), training.optimizers(), training.schedules(), measures.diagnostics(),
              measures.metrics(), measures.statistics(), measures.rng()):
    group.write(folder)
    print(f"{group.name:12} {len(group.cases):4} cases")
