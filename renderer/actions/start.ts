/** Actions that put runs into the queue, and the doors of the first minute. */
import type { Spec } from '../../lab/contract/spec.ts';
import type { AppState } from '../state/app.svelte.ts';

/** Steps of the demonstration: long enough that both arms reach 90 %, short enough to be watched. */
const demonstrationSteps = 5000;
const demonstrationCadence = 50;

/** One arm of "See what BatchNorm does": the sigmoid network of the template, with BatchNorm or without. */
export function demonstrationArm(template: Spec, batchNorm: 'none' | 'before'): Spec {
  const spec = structuredClone(template);
  spec.name = batchNorm === 'none' ? 'Without BatchNorm' : 'BatchNorm before the sigmoid';
  spec.model.batchNorm = batchNorm;
  spec.training.length = { steps: demonstrationSteps };
  spec.training.evaluateEvery = { steps: demonstrationCadence };
  spec.training.earlyStopping = null;
  return spec;
}

export const sigmoidTemplate = (app: AppState): Spec | undefined =>
  (app.templates.find((template) => template.id === 'mlp-sigmoid') ?? app.templates[0])?.spec;

/** Starts both arms with the same seed and opens them side by side. */
export async function seeBatchNorm(app: AppState): Promise<void> {
  const template = sigmoidTemplate(app);
  if (!template || app.starting) return;
  app.starting = true;
  try {
    const ids: string[] = [];
    for (const kind of ['none', 'before'] as const) {
      const started = await app.start(demonstrationArm(template, kind), [1], ['BatchNorm demonstration']);
      if (!started) return;
      ids.push(...started);
    }
    app.route.go('compare', ids);
  } finally {
    app.starting = false;
  }
}

/** Runs what is on the bench: one run per seed. One opens live, several side by side. */
export async function runDraft(app: AppState): Promise<void> {
  const { spec, parsedSeeds } = app.draft;
  if (!spec || app.draft.reason !== null || app.starting) return;
  app.starting = true;
  try {
    const ids = await app.start(spec, parsedSeeds.seeds);
    if (ids?.[0] !== undefined) app.route.go('run', [ids[0]]);
  } finally {
    app.starting = false;
  }
}
