/** Specs to and from files. */
import { download } from '../charts/export.ts';
import type { AppState } from '../state/app.svelte.ts';

/** Larger files are no specs; refused before they are read. */
const largestSpec = 4 * 2 ** 20;

export function exportSpec(app: AppState): void {
  const { spec } = app.draft;
  if (!spec) return;
  const text = `${JSON.stringify(spec, null, 2)}\n`;
  download(`${spec.name || 'experiment'}.json`, new Blob([text], { type: 'application/json' }));
}

export function chooseSpec(app: AppState): void {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.json,application/json';
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    if (file) void importSpec(app, file);
  });
  input.click();
}

/** Opens a spec file on the bench, or says what is wrong with it. What is on the bench stays until then. */
export async function importSpec(app: AppState, file: File): Promise<void> {
  if (file.size > largestSpec) {
    app.notices.complain(new Error(`${file.name} is larger than 4 MiB; a spec is a small JSON file.`));
    return;
  }
  let json: unknown;
  try {
    json = JSON.parse(await file.text());
  } catch (error) {
    app.notices.complain(
      new Error(`${file.name} is not JSON: ${error instanceof Error ? error.message : String(error)}`),
    );
    return;
  }
  const { spec, faults } = await app.link.call('spec.check', { spec: json });
  if (!spec) {
    const rest = faults.length > 2 ? ` (and ${faults.length - 2} more)` : '';
    app.notices.complain(
      new Error(
        `${file.name}: ${faults
          .slice(0, 2)
          .map((fault) => fault.message)
          .join(' ')}${rest}`,
      ),
    );
    return;
  }
  app.draft.open(spec);
  app.route.go('build');
  app.notices.say(`${file.name} is on the bench.`);
}
