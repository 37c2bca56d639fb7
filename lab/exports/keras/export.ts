import { heldOut, type CheckedNode } from '../../../engine/index.ts';
import { exportModel, outputNode, type ExportModel } from '../model.ts';
import { needsOf, type Needs } from '../needs.ts';
import { augmentSource, mixupSource } from '../python/augmentation.ts';
import { batchSource, dataSource } from '../python/data.ts';
import { fitSource } from '../python/preprocessing.ts';
import { initialisation, randomness } from '../python/randomness.ts';
import { isScheduled, plateauSource, scheduleSource } from '../python/schedule.ts';
import { comment, identifiers, joinParts, literal, standardImports, text } from '../python/source.ts';
import { splitSettings, splitSource } from '../python/split.ts';
import { stagesSource } from '../python/stages.ts';
import { stoppingSource } from '../python/stopping.ts';
import { readSafetensors } from '../python/weights.ts';
import type { Spec } from '../../spec/schema.ts';
import { notFollowed, startOf, type ExportTraining } from '../training.ts';
import { kerasHelpers } from './helpers.ts';
import { inputsSource } from './inputs.ts';
import { kerasLayers, type KerasLayer } from './layers.ts';
import { kerasLoss, kerasOptimizer, penaltyOf } from './optimisation.ts';
import { evaluateSource, lsuvSource, mainSource, oneHot, sampleWeight, startSource } from './program.ts';

export interface KerasSource {
  readonly source: string;
  /** What Keras does in another way, in sentences. */
  readonly notes: readonly string[];
}

interface NamedLayer {
  readonly node: CheckedNode;
  readonly name: string;
  readonly layer: KerasLayer;
}

const layersOf = ({ checked: { nodes } }: ExportModel): readonly NamedLayer[] => {
  const names = identifiers(nodes.map(({ id }) => id));
  return nodes.map((node) => {
    const name = names.get(node.id)!;
    return { node, name, layer: kerasLayers[node.layer](node, name) };
  });
};

/** A whole program for Keras 3 on any of its backends: the same network (channels last), split, batches and initial weights. */
export function kerasSource(given: ExportModel, training: ExportTraining, version: string): KerasSource {
  const { spec, dataset } = training;
  const { loss, schedule, earlyStopping } = spec.training;
  const { model, needs, notes: left } = natural(given, training);
  const layers = layersOf(model);
  const names = new Map(layers.map(({ node, name }) => [node.id, name]));
  const scaled = layers.flatMap(lsuvOf);
  const [optimizer, differences] = kerasOptimizer(spec.training);
  const notes = [
    ...new Set([...layers.flatMap(({ layer }) => layer.note ?? []), ...differences, ...left, ...notFollowed(training)]),
  ];
  const weighted = loss.kind === 'crossEntropy' && loss.classWeight !== undefined;
  const body = joinParts([
    settingsSource(model, training, needs),
    randomness,
    dataSource,
    splitSource(spec.data),
    batchSource(needs.staged),
    stagesSource(needs, spec, names, new Set()),
    needs.fitted ? fitSource(spec.data) : '',
    augmentSource(needs),
    mixupSource(needs),
    inputsSource(needs, spec),
    ...[...new Set(layers.flatMap(({ layer }) => layer.helper ?? []))].map((name) => kerasHelpers[name]),
    networkSource(model, layers, needs, isPenalised(spec)),
    scaled.length === 0
      ? ''
      : `# Weights that the first batch scales, inputs before readers: layer, tolerance, most iterations.\nLSUV = (\n${scaled.join('\n')}\n)`,
    readSafetensors,
    startSource(scaled.length > 0),
    scaled.length === 0 ? '' : lsuvSource,
    kerasLoss(loss),
    oneHot,
    weighted ? sampleWeight : '',
    optimizer,
    scheduleSource(schedule, needs.totalSteps),
    plateauSource(schedule),
    stoppingSource(earlyStopping, { copy: 'model.get_weights()', restore: 'model.set_weights(self.weights)' }),
    evaluateSource(needs),
    mainSource({ spec, needs, scaled: scaled.length > 0, plateau: schedule.kind === 'reduceOnPlateau' }),
  ]);
  const weights =
    spec.start === null
      ? 'start from stored weights instead of drawing them'
      : 'the weights that it begins with, as Ablate exports them: safetensors, weights "initial"';
  const source = `#!/usr/bin/env python3
"""${comment(model.name) || 'A network'}: a whole training program for Keras 3, written by Ablate ${comment(version)}.

    python3 program.py --data FOLDER               the four IDX files of ${comment(dataset.title)}, .gz or not
    python3 program.py --arrays FILE.npz           train_images, train_labels, test_images, test_labels (uint8)
    python3 program.py ... --weights W.safetensors ${weights}

Split, batch order, augmentation and initial weights are the same pure functions of the seed as in Ablate. Images have their
channels last.
${notes.map((note) => `\nOtherwise than in Ablate: ${comment(note)}\n`).join('')}"""
${standardImports(body)}

import keras
import numpy as np
from keras import layers, ops


${body}
`;
  return { source, notes };
}

/** What of a run Keras says without fighting it, and in sentences what is left out. */
function natural(
  model: ExportModel,
  training: ExportTraining,
): { readonly model: ExportModel; readonly needs: Needs; readonly notes: readonly string[] } {
  const { spec } = training;
  const { loss, recalibrateBatchNorm } = spec.training;
  const notes: string[] = [];
  let needs = needsOf(training);
  let own = model;
  const sized = layersOf(model).filter(({ layer }) => layer.sized === true);
  if (needs.sizes.length > 1 && sized.length > 0) {
    const last = needs.spans.at(-1)!.settings.imageSize ?? (needs.imageShape.slice(1) as [number, number]);
    notes.push(
      `training.stages: all images are resized to ${last.join('×')}, since ${sized.map(({ node }) => node.id).join(', ')} must know the size.`,
    );
    needs = {
      ...needs,
      sizes: [last],
      resized: last.join() !== needs.imageShape.slice(1).join(),
      spans: needs.spans.map((span) => ({ ...span, settings: { ...span.settings, imageSize: last } })),
    };
    own = exportModel({ ...model, inputShape: [model.inputShape[0], ...last] });
  }
  const linear = (loss.kind === 'crossEntropy' && loss.classWeight === undefined) || loss.kind === 'binaryCrossEntropy';
  if (needs.mixup > 0 && !linear) {
    notes.push('data.augmentation.mixup: images are not mixed, as a loss of mixed labels is not the mixed loss here.');
    needs = { ...needs, mixup: 0 };
  }
  if (needs.frozen) {
    notes.push(
      'training.stages: where frozen layers change, the model is compiled anew, and the optimiser begins anew.',
    );
    if (needs.spans.some(({ settings }) => settings.frozen.length > 0 && settings.frozenBatchNorm === 'batch')) {
      notes.push('training.stages: frozen batch norms use their running statistics, never those of the batch.');
    }
  }
  if (recalibrateBatchNorm > 0) {
    notes.push('training.recalibrateBatchNorm: batch norms keep their running statistics at the end.');
  }
  return { model: own, needs, notes };
}

function settingsSource(model: ExportModel, { spec, dataset }: ExportTraining, needs: Needs): string {
  const { data, training } = spec;
  const { loss, schedule, optimizer } = training;
  const settings: readonly (readonly [string, unknown, string?])[] = [
    ['SEED', spec.seed],
    ['IMAGE_SHAPE', [...needs.imageShape], 'channels, height, width'],
    ['CLASSES', model.classes],
    ...(loss.kind === 'crossEntropy' && loss.classWeight ? ([['CLASS_WEIGHT', loss.classWeight]] as const) : []),
    ...splitSettings(data, heldOut(data, dataset.trainImages)),
    ...(needs.staged
      ? []
      : ([
          ['BATCH_SIZE', training.batchSize],
          ['TOTAL_STEPS', needs.totalSteps],
        ] as const)),
    ...(needs.parts > 1 ? ([['ACCUMULATE', needs.parts, 'parts of a batch, one after the other']] as const) : []),
    ...(needs.rated || isScheduled(schedule) || schedule.kind === 'reduceOnPlateau'
      ? ([['LEARNING_RATE', optimizer.learningRate]] as const)
      : []),
  ];
  const { l1, l2 } = penaltyOf(training);
  const penalty = !isPenalised(spec)
    ? ''
    : `
PENALTY = {
    name: keras.regularizers.L1L2(l1=${literal(l1)}, l2=${literal(l2)}) for name in ("kernel_regularizer", "bias_regularizer")
}`;
  return `${settings
    .map(([name, value, why]) => `${name} = ${literal(value)}${why === undefined ? '' : `  # ${why}`}`)
    .join('\n')}${penalty}`;
}

const isPenalised = ({ training }: Pick<Spec, 'training'>): boolean => {
  const { l1, l2 } = penaltyOf(training);
  return l1 > 0 || l2 > 0;
};

function lsuvOf({ node, name }: NamedLayer): string[] {
  return node.parameters.flatMap(({ initializer }) =>
    initializer.kind === 'lsuv' ? [`    (${text(name)}, ${initializer.tolerance}, ${initializer.iterations}),`] : [],
  );
}

function networkSource(
  { checked, inputShape }: ExportModel,
  layers: readonly NamedLayer[],
  needs: Needs,
  penalised: boolean,
): string {
  const names = new Map(layers.map(({ node, name }) => [node.id, name]));
  const [channels, height, width] = inputShape;
  let input = '';
  const lines = layers.map(({ node, name, layer }) => {
    if (node.layer === 'input') {
      input = name;
      const extents = needs.sizes.length > 1 ? [null, null, channels] : [height, width, channels];
      return `    ${name} = keras.Input(shape=${literal(extents)}, name=${literal(name)})`;
    }
    const inputs = node.inputs.map((id) => names.get(id)!);
    const start = layer.merges === true ? `[${inputs.join(', ')}]` : inputs[0]!;
    const call = layer.steps.reduce((value, step) => `${step}(${value})`, start);
    return `    ${name} = ${penalised ? call : call.replace(', **PENALTY', '')}`;
  });
  const used = new Set<string>();
  const table = layers.flatMap(({ node, name, layer }) =>
    [...node.parameters, ...node.buffers].flatMap((spec) => {
      const place = layer.tensors?.[spec.name];
      if (place === undefined) return [];
      const start = 'initializer' in spec ? startOf(spec) : (['constant', spec.initial] as const);
      used.add(start[0]);
      const words = [`${node.id}.${spec.name}`, name, place[0], [...spec.shape], place[1], start].map(literal);
      return [`    (${words.join(', ')}),`];
    }),
  );
  return `def build():
${lines.join('\n')}
    return keras.Model(${input}, ${names.get(outputNode(checked).id)!})

${initialisation(used)}

# Name in Ablate's files, layer, attribute, shape there, order of its axes here, how it starts: (distribution, scale).
TENSORS = (
${table.join('\n')}
)`;
}
