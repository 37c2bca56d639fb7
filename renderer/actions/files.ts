/** The spec on the bench as a file. Files that are opened: library/open.ts. */
import { download } from '../charts/export.ts';
import type { AppState } from '../state/app.svelte.ts';

export function exportSpec(app: AppState): void {
  const { spec } = app.draft;
  if (!spec) return;
  const text = `${JSON.stringify(spec, null, 2)}\n`;
  download(`${spec.name || 'experiment'}.json`, new Blob([text], { type: 'application/json' }));
}
