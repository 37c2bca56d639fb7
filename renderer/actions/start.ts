/** Actions that put runs into the queue, and the doors of the first minute. */
import type { Spec } from '../../lab/contract/spec.ts';
import type { AppState } from '../state/app.svelte.ts';

/** Long enough that both arms reach 90 %, short enough to be watched. */
const demonstrationSteps = 8000;
const demonstrationCadence = 100;
/** Three pairs are the fewest that give an interval worth its name. */
const demonstrationSeeds = [1, 2, 3];
const demonstrationTag = 'BatchNorm demonstration';

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

/**
 * Starts both arms, seed by seed, so that the curves of both grow from the first seconds on, and opens them side by side.
 * The same spec and seed give the same result, so runs that are there already are shown and not made again.
 */
export async function seeBatchNorm(app: AppState): Promise<void> {
  const template = sigmoidTemplate(app);
  if (!template || app.starting) return;
  app.starting = true;
  try {
    const arms = [demonstrationArm(template, 'none'), demonstrationArm(template, 'before')];
    const groups = new Set<string>();
    for (const seed of demonstrationSeeds) {
      for (const spec of arms) {
        const there = app.runs.list.find(
          (run) =>
            run.name === spec.name &&
            run.seed === seed &&
            run.tags.includes(demonstrationTag) &&
            run.engineVersion === app.info?.engineVersion &&
            ['queued', 'running', 'finished'].includes(run.status),
        );
        const id = there?.id ?? (await app.startRuns(spec, [seed], [demonstrationTag]))?.[0];
        const run = id === undefined ? undefined : app.runs.get(id);
        if (!run) return;
        groups.add(run.group);
      }
      // the first pair is enough to open the view; the others come while it is looked at
      if (seed === demonstrationSeeds[0]) app.route.go('compare', [...groups]);
    }
  } finally {
    app.starting = false;
  }
}

/** Runs what is on the bench: one run per seed (and fold). The first one opens live. */
export async function runDraft(app: AppState): Promise<void> {
  const { spec, parsedSeeds } = app.draft;
  if (!spec || app.draft.reason !== null || app.starting) return;
  app.starting = true;
  try {
    const ids = await app.startRuns(spec, parsedSeeds.seeds, [], app.draft.foldRuns);
    if (ids?.[0] !== undefined) app.route.go('run', [ids[0]]);
  } finally {
    app.starting = false;
  }
}
