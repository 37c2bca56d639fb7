import type { Spec } from '../../../lab/contract/spec.ts';
import type { AppState } from '../../state/app.svelte.ts';

/**
 * Puts every arm with every seed into the queue, seed by seed, so that pairs are complete early, and opens the arms side by side.
 * The tag finds the study's runs again.
 */
export async function startStudy(
  app: AppState,
  arms: readonly { readonly spec: Spec }[],
  seeds: readonly number[],
  tag: string,
  folds: number | null = null,
): Promise<void> {
  if (app.starting) return;
  app.starting = true;
  try {
    const groups = new Set<string>();
    for (const seed of seeds) {
      for (const { spec } of arms) {
        const id = (await app.startRuns(spec, [seed], [tag], folds))?.[0];
        const run = id === undefined ? undefined : app.runs.get(id);
        if (!run) return;
        groups.add(run.group);
      }
    }
    app.route.go('compare', [...groups]);
  } finally {
    app.starting = false;
  }
}
