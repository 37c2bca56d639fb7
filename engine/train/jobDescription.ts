import { defaultPrecision, defaultStorage } from '../backend.ts';
import type { AugmentationSettings } from '../data/augment.ts';
import { EngineError } from '../errors.ts';
import type { Fault } from '../errors.ts';
import { inputsOf } from '../graph/document.ts';
import type { TrainingJob } from '../worker/protocol.ts';

/**
 * What decides the result of a run, by part, each as canonical JSON. A checkpoint carries it, so that it is refused by a
 * run that differs, with the names of the parts. Threads, backend, checkpoint cadence and places on the canvas decide nothing.
 */
export type JobDescription = Readonly<Record<JobPart, string>> & { readonly start?: string };
type JobPart = 'model' | 'data' | 'training' | 'seed';

const partNames: Record<JobPart | 'start', string> = {
  model: 'another model',
  data: 'other data or another preparation of it',
  training: 'other training settings',
  seed: 'another seed',
  start: 'other weights to start from',
};

export function describeJob(job: TrainingJob): JobDescription {
  const { train, test, hash: _hash, augmentation, split, folds, validation, ...data } = job.data;
  const { nodes } = job.graph;
  return {
    model: canonical(
      nodes.map(({ id, layer, props }, i) => ({ id, layer, inputs: inputsOf(nodes, i), props: props ?? {} })),
    ),
    data: canonical({
      ...data,
      // with folds, the number of images held out elsewhere decides nothing
      ...(folds ? { folds } : { validation }),
      ...(split === 'stratified' ? { split } : {}),
      ...(augmentation ? { augmentation: augmentationOf(augmentation) } : {}),
      trainCount: train.count,
      testCount: test.count,
      trainLabels: checksum(train.labels),
      testLabels: checksum(test.labels),
    }),
    training: canonical({
      ...lengthOf(job),
      loss: job.loss,
      optimizer: optimizerOf(job.optimizer),
      schedule: job.schedule,
      earlyStopping: stoppingOf(job.earlyStopping),
      evaluateEvery: job.evaluateEvery,
      ...gradientOf(job.gradient),
      ...((job.recalibrateBatchNorm ?? 0) === 0 ? {} : { recalibrateBatchNorm: job.recalibrateBatchNorm }),
      ...((job.accumulate ?? 1) === 1 ? {} : { accumulate: job.accumulate }),
      ...precisionOf(job.precision),
      ...storageOf(job.storage),
    }),
    seed: canonical(job.seed),
    ...startOf(job.start),
  };
}

// Settings that came later are left out where they say what was done before them, so that older checkpoints still fit.

/** Stages have lengths and batch sizes of their own. */
function lengthOf({ batchSize, length, stages = [] }: TrainingJob): object {
  return stages.length === 0 ? { batchSize, length } : { stages };
}

function augmentationOf(augmentation: AugmentationSettings): object {
  const { mixup = 0, ...rest } = augmentation;
  return mixup === 0 ? rest : augmentation;
}

function optimizerOf(optimizer: TrainingJob['optimizer']): object {
  if (optimizer.kind !== 'adam' || optimizer.biasCorrection === false) return optimizer;
  const { biasCorrection: _biasCorrection, ...rest } = optimizer;
  return rest;
}

/** Settings that say what is so anyway are left out. */
function startOf(start: TrainingJob['start']): { readonly start?: string } {
  if (!start) return {};
  const { hash, map, fresh, carry } = start;
  const others = Object.fromEntries(Object.entries(map).filter(([here, there]) => here !== there));
  return { start: canonical({ hash, map: others, fresh: [...new Set(fresh)].sort(), carry }) };
}

function stoppingOf(stopping: TrainingJob['earlyStopping']): object | null {
  if (stopping === null || stopping.restoreBest === true) return stopping;
  const { restoreBest: _restoreBest, ...rest } = stopping;
  return rest;
}

function precisionOf(precision: TrainingJob['precision']): object {
  return precision === undefined || precision === defaultPrecision ? {} : { precision };
}

function storageOf(storage: TrainingJob['storage']): object {
  return storage === undefined || storage === defaultStorage ? {} : { storage };
}

function gradientOf(gradient: TrainingJob['gradient']): object {
  const { clip = null, l1 = 0 } = gradient ?? {};
  return { ...(clip === null ? {} : { clip }), ...(l1 === 0 ? {} : { l1 }) };
}

/** Throws EngineError('checkpoint') that names the parts in which the checkpoint's run and this one differ. */
export function requireSameJob(checkpoint: JobDescription, job: JobDescription): void {
  const faults: Fault[] = [];
  for (const part of Object.keys(partNames) as (JobPart | 'start')[]) {
    if (checkpoint[part] === job[part]) continue;
    faults.push({
      message: `The checkpoint belongs to a run with ${partNames[part]} (${difference(checkpoint[part] ?? 'none', job[part] ?? 'none')}).`,
    });
  }
  if (faults.length === 0) return;
  const parts = faults.map((fault) => fault.message).join(' ');
  throw new EngineError('checkpoint', `${parts} Resume the run that it was made by, or start this one anew.`, faults);
}

/** JSON with the keys of every object in alphabetical order and without undefined values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, child: unknown) =>
    typeof child === 'object' && child !== null && !Array.isArray(child)
      ? Object.fromEntries(Object.entries(child).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : child,
  );
}

/** 32-bit FNV-1a of the labels: tells data sets of the same size apart. Not a proof; the lab hashes whole files. */
function checksum(labels: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const label of labels) hash = Math.imul(hash ^ label, 0x01000193);
  return hash >>> 0;
}

/** The first place where two canonical texts part, a few characters around it. */
function difference(theirs: string, ours: string): string {
  let at = 0;
  while (at < theirs.length && theirs[at] === ours[at]) at++;
  const from = Math.max(0, at - 24);
  const show = (text: string): string =>
    `${from > 0 ? '…' : ''}${text.slice(from, at + 24)}${at + 24 < text.length ? '…' : ''}`;
  return `there ${show(theirs)}, here ${show(ours)}`;
}
