import { LabError } from '../contract/errors.ts';
import type { Store } from '../ports.ts';

/** Ids shown of an ambiguous beginning. */
const shown = 5;

/** The whole id of the run that `text` is, or begins. Throws LabError 'notFound' or 'ambiguous'. */
export function findRun(store: Store, text: string): string {
  const wanted = text.trim().toLowerCase();
  const found = wanted === '' ? [] : store.findRuns(wanted);
  if (found.includes(wanted)) return wanted;
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw new LabError(
      'notFound',
      `There is no run ${JSON.stringify(text)} in this history; \`list\` shows what there is.`,
    );
  }
  const some = found.slice(0, shown).join(', ') + (found.length > shown ? ` and ${found.length - shown} more` : '');
  throw new LabError(
    'ambiguous',
    `${found.length} runs begin with ${JSON.stringify(text)}: ${some}. Write more of the id.`,
  );
}
