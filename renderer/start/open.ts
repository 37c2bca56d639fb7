/** From a run to an experiment that begins with its weights. */
import type { TransferSource } from '../../lab/contract/transferRecords.ts';
import type { Spec } from '../../lab/contract/spec.ts';
import type { AppState } from '../state/app.svelte.ts';

/** The checkpoints of a run, the best one first. */
async function sourcesOf(app: AppState, run: string): Promise<TransferSource[]> {
  const sources = await app.link.call('transfer.sources', { search: run, limit: 50 });
  return sources.filter(({ kind, id }) => kind === 'run' && id === run);
}

/** What a run was trained as, and its checkpoints. */
export async function trainedRun(
  app: AppState,
  run: string,
): Promise<{ readonly spec: Spec; readonly sources: readonly TransferSource[] }> {
  const [{ spec }, sources] = await Promise.all([app.link.call('runs.get', { id: run }), sourcesOf(app, run)]);
  return { spec, sources };
}

/** Puts an experiment with a start on the bench, with its section open. */
export function openWithStart(app: AppState, spec: Spec): void {
  app.draft.open(spec);
  app.draft.setSeeds(String(spec.seed));
  app.bench.tab = 'training';
  app.route.go('build');
}

/** The experiment of a run once more, from the weights of its best checkpoint, or its last one. */
export async function startFrom(app: AppState, run: string): Promise<void> {
  const { spec, sources } = await trainedRun(app, run);
  const source = sources[0];
  if (!source) throw new Error('This run has no checkpoint any more to start from.');
  const start = { from: source.from, weights: null, map: {}, fresh: [], carry: 'weights' as const };
  const name = `${spec.name || 'Untitled'}, from its ${source.checkpoint ?? 'last'} weights`.slice(0, 200);
  openWithStart(app, { ...spec, name, start });
}
