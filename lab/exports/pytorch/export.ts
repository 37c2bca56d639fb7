import { heldOut, type CheckedNode } from '../../../engine/index.ts';
import { outputNode, type ExportModel } from '../model.ts';
import { needsOf, type Needs } from '../needs.ts';
import { augmentSource, mixupSource } from '../python/augmentation.ts';
import { batchSource, dataSource } from '../python/data.ts';
import { randomness, streamNumbers } from '../python/randomness.ts';
import { plateauSource, scheduleSource } from '../python/schedule.ts';
import { comment, identifiers, joinParts, literal, standardImports } from '../python/source.ts';
import { splitSettings, splitSource } from '../python/split.ts';
import { freezesStatistics, stagesSource } from '../python/stages.ts';
import { stoppingSource } from '../python/stopping.ts';
import { notFollowed, type ExportTraining } from '../training.ts';
import { torchHelpers } from './helpers.ts';
import { fittingSource, inputsSource } from './inputs.ts';
import { torchLayers } from './layers.ts';
import { lossSource, optimizerSource, ownOptimizers } from './optimisation.ts';
import { evaluateSource, freezeSource, mainSource, recalibrateSource, type MainParts } from './program.ts';
import { isScaled, weightsSource, type NamedLayer } from './weights.ts';

/** What of a spec the program does not do. */
export const torchNotes = (training: ExportTraining): string[] => notFollowed(training);

/**
 * A whole Python program that trains the model with PyTorch (1.13 or later) and NumPy alone: the same split, batches, augmentation,
 * masks and initial weights, loss, optimiser, schedule and stages, so that its losses follow the lab's to rounding. It has what the
 * spec asks for and nothing else.
 */
export function pytorchSource(model: ExportModel, training: ExportTraining, version: string): string {
  const { spec } = training;
  const { loss, optimizer, schedule, earlyStopping } = spec.training;
  const needs = needsOf(training);
  const layers = namedLayers(model);
  const names = new Map(
    layers.filter(({ layer }) => layer.module !== undefined).map(({ node, name }) => [node.id, name]),
  );
  const normNodes = layers.filter(({ node }) => node.layer === 'batchNorm' || node.layer === 'noisyBatchNorm');
  const norms = new Set(normNodes.map(({ node }) => node.id));
  const random = layers.some(({ node, layer }) => layer.helper === 'noisyBatchNorm' || drops(node));
  const plateau = schedule.kind === 'reduceOnPlateau';
  const still = freezesStatistics(needs, norms);
  const parts: MainParts = { spec, needs, random, scaled: isScaled(layers), still, plateau };
  const helpers = [...new Set(layers.flatMap(({ layer }) => layer.helper ?? []))];
  const weights = weightsSource(layers);
  const body = joinParts([
    settingsSource(model, training, needs, random),
    randomness,
    ...(random && !weights.includes('def stream_of') ? [streamNumbers] : []),
    dataSource,
    splitSource(spec.data),
    batchSource(needs.staged),
    stagesSource(needs, spec, names, norms),
    fittingSource(needs, spec),
    augmentSource(needs),
    mixupSource(needs),
    inputsSource(needs, spec),
    ...helpers.map((name) => torchHelpers[name]),
    networkSource(model, layers),
    weights,
    lossSource(loss),
    ownOptimizers(optimizer),
    optimizerSource(optimizer),
    scheduleSource(schedule, needs.totalSteps),
    plateauSource(schedule),
    stoppingSource(earlyStopping, stopping),
    freezeSource(parts),
    recalibrateSource(parts, norms.size > 0),
    evaluateSource(parts),
    mainSource(parts, norms.size > 0),
  ]);
  return `${head(model, training, version)}${standardImports(body)}

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

\n\n${body}\n`;
}

const stopping = {
  copy: '{name: each.clone() for name, each in model.state_dict().items()}',
  restore: 'model.load_state_dict(self.weights)',
};

const drops = ({ layer }: CheckedNode): boolean => layer === 'dropout';

function head(model: ExportModel, training: ExportTraining, version: string): string {
  const { spec, dataset } = training;
  const weights =
    spec.start === null
      ? 'start from stored weights instead of drawing them'
      : 'the weights that it begins with, as Ablate exports them: safetensors, weights "initial"';
  return `#!/usr/bin/env python3
"""${comment(model.name) || 'A network'}: a whole training program, written by Ablate ${comment(version)}.

It needs PyTorch 1.13 or later and NumPy, nothing else:

    python3 program.py --data FOLDER               the four IDX files of ${comment(dataset.title)}, .gz or not
    python3 program.py --arrays FILE.npz           train_images, train_labels, test_images, test_labels (uint8)
    python3 program.py ... --weights W.safetensors ${weights}
    python3 program.py ... --save OUT.safetensors  store the weights at the end

Split, batch order, initial weights and whatever else is random are the same pure functions of the seed as in Ablate, so that
the losses of both agree to rounding.
${torchNotes(training)
  .map((note) => `\nNot done here: ${comment(note)}\n`)
  .join('')}"""
`;
}

function settingsSource(model: ExportModel, { spec, dataset }: ExportTraining, needs: Needs, random: boolean): string {
  const { training, data } = spec;
  const rated = needs.rated || training.schedule.kind !== 'constant';
  const settings: readonly (readonly [string, unknown, string?])[] = [
    ['SEED', spec.seed],
    ['IMAGE_SHAPE', [...needs.imageShape], 'channels, height, width'],
    ['CLASSES', model.classes],
    ...splitSettings(data, heldOut(data, dataset.trainImages)),
    ...(needs.staged
      ? []
      : ([
          ['BATCH_SIZE', training.batchSize],
          ['TOTAL_STEPS', needs.totalSteps],
        ] as const)),
    ...(needs.parts > 1 ? ([['ACCUMULATE', needs.parts, 'parts of a batch, one after the other']] as const) : []),
    ...(rated ? ([['LEARNING_RATE', training.optimizer.learningRate]] as const) : []),
  ];
  const step = random ? '\n\n# The step under way, from 0: what random layers draw depends on it.\nSTEP = [0]' : '';
  return `${settings
    .map(([name, value, why]) => `${name} = ${literal(value)}${why === undefined ? '' : `  # ${why}`}`)
    .join('\n')}${step}`;
}

function namedLayers({ checked: { nodes } }: ExportModel): readonly NamedLayer[] {
  const names = identifiers(nodes.map(({ id }) => id));
  return nodes.map((node) => ({ node, name: names.get(node.id)!, layer: torchLayers[node.layer](node) }));
}

function networkSource({ checked, inputShape }: ExportModel, layers: readonly NamedLayer[]): string {
  const { nodes } = checked;
  const variables = variablesOf(nodes, new Map(layers.map(({ node, name }) => [node.id, name])));
  const modules = layers.flatMap(({ name, layer }) =>
    layer.module === undefined ? [] : [`        self.${name} = ${layer.module}`],
  );
  const steps = layers.flatMap(({ node, name, layer }) => {
    const variable = variables.get(node.id)!;
    if (node.layer === 'input') return variable === 'x' ? [] : [`        ${variable} = x`];
    const inputs = node.inputs.map((id) => variables.get(id)!);
    return [`        ${variable} = ${layer.forward(`self.${name}`, inputs)}  # ${node.outputShape.join('x')}`];
  });
  return `class Network(nn.Module):
    """The shapes beside the lines are those of images of ${inputShape.join('x')}."""

    def __init__(self):
        super().__init__()
${modules.length > 0 ? modules.join('\n') : '        pass'}

    def forward(self, x):
${steps.join('\n')}
        return ${variables.get(outputNode(checked).id)!}`;
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
