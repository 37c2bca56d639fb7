import type { Handlers } from '../app.ts';
import { base64 } from '../base64.ts';
import { LabError } from '../contract/errors.ts';
import type { ActivationPreviewRecord } from '../contract/previewRecords.ts';
import type { CheckpointFiles, Datasets, Jobs, Store } from '../ports.ts';
import { findRun } from '../runs/find.ts';
import { readCheckpoint } from '../runs/resume.ts';
import { requireWithStart } from '../transfer/check.ts';
import type { StartWeights } from '../transfer/weights.ts';
import { chooseImages } from './images.ts';

export interface PreviewHandlersOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly checkpoints: CheckpointFiles;
  readonly jobs: Jobs;
  readonly weights: StartWeights;
  /** Threads of a run whose spec does not say. */
  readonly threads: () => number;
}

/** JSON has no NaN and no infinity. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Looks at networks without training them: what they make of images, and what a step costs. */
export function previewHandlers(options: PreviewHandlersOptions): Handlers {
  const { store, datasets, checkpoints, jobs, threads } = options;
  return {
    'models.preview': async ({ spec: json, run, checkpoint: role, images: count, focus, channels }) => {
      const { spec, dataset } = await requireWithStart(json, await datasets.list(), options);
      const images = await chooseImages(datasets, dataset, count);
      const checkpoint = run === undefined ? null : await checkpointOf(run, role);
      const place = Math.min(focus, images.length - 1);
      const preview = await jobs.run(
        'preview',
        { spec, threads: 1, checkpoint },
        { images: images.map(({ position }) => position), focus: place, channels },
      );
      return {
        statistics: preview.statistics,
        step: preview.step,
        images,
        focus: place,
        nodes: preview.nodes.map((node): ActivationPreviewRecord['nodes'][number] => ({
          ...node,
          shape: [...node.shape],
          mean: finite(node.mean),
          std: finite(node.std),
          min: finite(node.min),
          max: finite(node.max),
          band: [finite(node.band[0]), finite(node.band[1]), finite(node.band[2])],
          histogram: { range: [...node.histogram.range], counts: [...node.histogram.counts] },
          picture: {
            ...node.picture,
            low: finite(node.picture.low),
            high: finite(node.picture.high),
            pixels: base64(node.picture.pixels),
          },
        })),
      };
    },

    'models.timing': async ({ spec: json, milliseconds }) => {
      const { spec } = await requireWithStart(json, await datasets.list(), options);
      const own = spec.backend.threads > 0 ? spec.backend.threads : threads();
      return jobs.run('timing', { spec, threads: own, checkpoint: null }, { milliseconds });
    },
  };

  async function checkpointOf(text: string, role: 'last' | 'best'): Promise<Uint8Array> {
    const id = findRun(store, text);
    const bytes = await readCheckpoint({ id }, store, checkpoints, role);
    if (bytes) return bytes;
    throw new LabError(
      'state',
      `Run ${id} has no ${role} checkpoint yet; look at it once it has been saved, or without a run at the initial weights.`,
    );
  }
}
