import { heldOut, type CheckedNode } from '../../../engine/index.ts';
import { outputNode, type ExportModel } from '../model.ts';
import { notFollowed, startOf, stepsOf, type ExportTraining } from '../training.ts';
import { randomness, torchHelpers } from './helpers.ts';
import { torchLayers, type TorchHelper } from './layers.ts';
import { lossSource, optimizerSource, ownOptimizers, plateauSource, scheduleSource } from './optimisation.ts';
import { comment, identifiers, literal, text } from '../python.ts';
import { batchSource, dataSource, mainSource, weightsSource } from './program.ts';
import { splitSettings, splitSource } from './split.ts';

/**
 * A whole Python program that trains the model with PyTorch (1.13 or later) and NumPy alone: the same split, batches, masks and
 * initial weights, loss, optimiser and schedule, so that its losses follow the lab's to rounding.
 */
export function pytorchSource(model: ExportModel, training: ExportTraining, version: string): string {
  const { spec, dataset } = training;
  const steps = stepsOf(training);
  const { loss, optimizer, schedule, clip, l1, earlyStopping } = spec.training;
  const notes = notFollowed(training);
  const [network, helpers] = modelSource(model);
  const settings: readonly (readonly [string, unknown, string?])[] = [
    ['SEED', spec.seed],
    ['IMAGE_SHAPE', model.inputShape, 'channels, height, width'],
    ['CLASSES', model.classes],
    ['VALIDATION', heldOut(spec.data, dataset.trainImages), 'images held out of the training file'],
    ['TRAIN_IMAGES', spec.data.trainImages, 'train on so many of the rest; None: all'],
    ...splitSettings(spec.data),
    ['PREPROCESSING', spec.data.preprocessing],
    ['BATCH_SIZE', spec.training.batchSize],
    ['TOTAL_STEPS', steps.total],
    ['EVALUATE_EVERY', steps.evaluateEvery, 'steps'],
    ['LEARNING_RATE', optimizer.learningRate],
    ['CLIP_NORM', clip !== null && 'norm' in clip ? clip.norm : null],
    ['CLIP_VALUE', clip !== null && 'value' in clip ? clip.value : null],
    ['L1', l1],
    ['EARLY_STOPPING', earlyStopping],
  ];
  return [
    `#!/usr/bin/env python3
"""${comment(model.name) || 'A network'}: a whole training program, written by Ablate ${comment(version)}.

It needs PyTorch 1.13 or later and NumPy, nothing else:

    python3 program.py --data FOLDER               the four IDX files of ${comment(dataset.title)}, .gz or not
    python3 program.py --arrays FILE.npz           train_images, train_labels, test_images, test_labels (uint8)
    python3 program.py ... --weights W.safetensors start from stored weights instead of drawing them
    python3 program.py ... --save OUT.safetensors  store the weights at the end

Split, batch order, dropout masks and initial weights are the same pure functions of the seed as in Ablate, so the losses of
both agree to rounding.
${notes.map((note) => `\nNot done here: ${comment(note)}\n`).join('')}"""
import argparse
import gzip
import json
import math
import os
import struct
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

${settings.map(([name, value, why]) => `${name} = ${literal(value)}${why === undefined ? '' : `  # ${why}`}`).join('\n')}

# The step under way, from 0: what random layers draw depends on it.
STEP = [0]
`,
    randomness,
    dataSource,
    splitSource(spec.data),
    batchSource,
    ...helpers.map((name) => torchHelpers[name]),
    network,
    weightsSource,
    `\n${lossSource(loss, model.classes.length)}`,
    ownOptimizers(optimizer),
    optimizerSource(optimizer),
    scheduleSource(schedule, steps.total),
    plateauSource(schedule),
    mainSource({ plateau: schedule.kind === 'reduceOnPlateau' }),
  ]
    .map((part) => part.replace(/^\n+|\n+$/g, ''))
    .filter((part) => part !== '')
    .join('\n\n\n')
    .concat('\n');
}

function modelSource({ checked }: ExportModel): readonly [string, readonly TorchHelper[]] {
  const { nodes } = checked;
  const names = identifiers(nodes.map(({ id }) => id));
  const described = nodes.map((node) => ({ node, name: names.get(node.id)!, layer: torchLayers[node.layer](node) }));
  const variables = variablesOf(nodes, names);
  const modules = described.flatMap(({ name, layer }) =>
    layer.module === undefined ? [] : [`        self.${name} = ${layer.module}`],
  );
  const steps = described.flatMap(({ node, name, layer }) => {
    if (node.layer === 'input') {
      const variable = variables.get(node.id)!;
      return variable === 'x' ? [] : [`        ${variable} = x`];
    }
    const inputs = node.inputs.map((id) => variables.get(id)!);
    const shape = `# ${node.outputShape.join('x')}`;
    return [`        ${variables.get(node.id)!} = ${layer.forward(`self.${name}`, inputs)}  ${shape}`];
  });
  const table = described.flatMap(({ node, name, layer }) =>
    [...node.parameters, ...node.buffers].map((spec) => {
      const place = `${name}.${layer.tensors![spec.name]!}`;
      const start = 'initializer' in spec ? startOf(spec) : (['constant', spec.initial] as const);
      return `    (${text(`${node.id}.${spec.name}`)}, ${text(place)}, ${literal(start)}),`;
    }),
  );
  const source = `class Network(nn.Module):
    def __init__(self):
        super().__init__()
${modules.length > 0 ? modules.join('\n') : '        pass'}

    def forward(self, x):
${steps.join('\n')}
        return ${variables.get(outputNode(checked).id)!}


# Name in Ablate's files, place in the network, how it starts: (distribution, scale); None: only from stored weights.
TENSORS = (
${table.join('\n')}
)`;
  const helpers = new Set(described.flatMap(({ layer }) => layer.helper ?? []));
  return [source, [...helpers]];
}

/** "x" where the value is read by the very next layer alone, else a name of its own. */
function variablesOf(nodes: readonly CheckedNode[], names: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const readers = new Map<string, CheckedNode[]>();
  for (const node of nodes) for (const id of node.inputs) readers.set(id, [...(readers.get(id) ?? []), node]);
  return new Map(
    nodes.map((node, i) => {
      const own = readers.get(node.id) ?? [];
      const passing = own.length === 0 || (own.length === 1 && own[0] === nodes[i + 1]);
      return [node.id, passing ? 'x' : `${names.get(node.id)!}_out`];
    }),
  );
}
