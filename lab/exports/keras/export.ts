import { heldOut, type CheckedNode } from '../../../engine/index.ts';
import { outputNode, type ExportModel } from '../model.ts';
import { scheduleSource } from '../pytorch/optimisation.ts';
import { randomness } from '../pytorch/helpers.ts';
import { batchSource, dataSource } from '../pytorch/program.ts';
import { splitSettings, splitSource } from '../pytorch/split.ts';
import { comment, identifiers, literal, text } from '../python.ts';
import { notFollowed, startOf, stepsOf, type ExportTraining } from '../training.ts';
import { kerasLayers } from './layers.ts';
import { kerasLoss, kerasOptimizer, penaltyOf } from './optimisation.ts';
import { kerasHelpers, kerasMain } from './program.ts';

export interface KerasSource {
  readonly source: string;
  /** What Keras does in another way, in sentences. */
  readonly notes: readonly string[];
}

/** A whole program for Keras 3 on any of its backends: the same network (channels last), split, batches and initial weights. */
export function kerasSource(model: ExportModel, training: ExportTraining, version: string): KerasSource {
  const { spec, dataset } = training;
  const { loss, schedule, earlyStopping } = spec.training;
  const steps = stepsOf(training);
  const network = networkSource(model);
  const [optimizer, differences] = kerasOptimizer(spec.training);
  const notes = [
    ...network.notes,
    ...differences,
    ...notFollowed(training),
    ...(schedule.kind === 'reduceOnPlateau' ? ['The rate is not lowered on plateaus.'] : []),
    ...(earlyStopping === null ? [] : ['There is no early stopping.']),
  ];
  const classWeight = loss.kind === 'crossEntropy' ? (loss.classWeight ?? null) : null;
  const settings: readonly (readonly [string, unknown])[] = [
    ['SEED', spec.seed],
    ['IMAGE_SHAPE', model.inputShape],
    ['CLASSES', model.classes],
    ['CLASS_WEIGHT', classWeight],
    ['VALIDATION', heldOut(spec.data, dataset.trainImages)],
    ['TRAIN_IMAGES', spec.data.trainImages],
    ...splitSettings(spec.data),
    ['PREPROCESSING', spec.data.preprocessing],
    ['BATCH_SIZE', spec.training.batchSize],
    ['TOTAL_STEPS', steps.total],
    ['EVALUATE_EVERY', steps.evaluateEvery],
    ['LEARNING_RATE', spec.training.optimizer.learningRate],
  ];
  const { l1, l2 } = penaltyOf(spec.training);
  const penalty =
    l1 === 0 && l2 === 0
      ? 'PENALTY = {}'
      : `PENALTY = {name: keras.regularizers.L1L2(l1=${literal(l1)}, l2=${literal(l2)}) for name in ("kernel_regularizer", "bias_regularizer")}`;
  const parts = [
    `#!/usr/bin/env python3
"""${comment(model.name) || 'A network'}: a whole training program for Keras 3, written by Ablate ${comment(version)}.

    python3 program.py --data FOLDER               the four IDX files of ${comment(dataset.title)}, .gz or not
    python3 program.py --arrays FILE.npz           train_images, train_labels, test_images, test_labels (uint8)
    python3 program.py ... --weights W.safetensors start from stored weights instead of drawing them

Split, batch order and initial weights are the same pure functions of the seed as in Ablate. Images have their channels last.
${notes.map((note) => `\nOtherwise than in Ablate: ${comment(note)}\n`).join('')}"""
import argparse
import gzip
import json
import math
import os
import struct
import sys
import time

import numpy as np
import keras
from keras import layers, ops

${settings.map(([name, value]) => `${name} = ${literal(value)}`).join('\n')}
${penalty}`,
    randomness,
    dataSource,
    splitSource(spec.data),
    batchSource,
    kerasHelpers,
    network.source,
    kerasLoss(loss),
    optimizer,
    scheduleSource(schedule, steps.total),
    kerasMain,
  ];
  return { source: `${parts.map((part) => part.replace(/^\n+|\n+$/g, '')).join('\n\n\n')}\n`, notes };
}

function networkSource({ checked, inputShape }: ExportModel): { readonly source: string; readonly notes: string[] } {
  const { nodes } = checked;
  const names = identifiers(nodes.map(({ id }) => id));
  const [channels, height, width] = inputShape;
  const notes: string[] = [];
  const lines: string[] = [];
  const table: string[] = [];
  let input = '';
  for (const node of nodes) {
    const name = names.get(node.id)!;
    if (node.layer === 'input') {
      input = name;
      lines.push(`    ${name} = keras.Input(shape=${literal([height, width, channels])}, name=${literal(name)})`);
      continue;
    }
    const { steps, merges, tensors, note } = kerasLayers[node.layer](node, name);
    if (note !== undefined) notes.push(note);
    const inputs = node.inputs.map((id) => names.get(id)!);
    const start = merges === true ? `[${inputs.join(', ')}]` : inputs[0]!;
    const call = steps.reduce((value, step) => `${step}(${value})`, start);
    lines.push(`    ${name} = ${call}`);
    table.push(...tensorLines(node, name, tensors ?? {}));
  }
  const source = `def build():
${lines.join('\n')}
    return keras.Model(${input}, ${names.get(outputNode(checked).id)!})


# Name in Ablate's files, layer, attribute, shape there, order of its axes here, how it starts.
TENSORS = (
${table.join('\n')}
)`;
  return { source, notes };
}

function tensorLines(
  node: CheckedNode,
  name: string,
  tensors: Readonly<Record<string, readonly [string, readonly number[] | null]>>,
): string[] {
  return [...node.parameters, ...node.buffers].flatMap((spec) => {
    const place = tensors[spec.name];
    if (place === undefined) return [];
    const start = 'initializer' in spec ? startOf(spec) : (['constant', spec.initial] as const);
    const words = [
      text(`${node.id}.${spec.name}`),
      text(name),
      text(place[0]),
      literal([...spec.shape]),
      literal(place[1]),
      literal(start),
    ];
    return [`    (${words.join(', ')}),`];
  });
}
