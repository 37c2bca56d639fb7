import type { Icon } from '../parts/icons.ts';
import type { AppState } from '../state/app.svelte.ts';

/** One thing that can be done. The palette, buttons, menus and the keyboard all read the same record. */
export interface Action {
  readonly name: string;
  readonly label: string | ((app: AppState) => string);
  readonly group: 'Start' | 'Go to' | 'Run' | 'Runs' | 'Build' | 'View';
  readonly icon: Icon;
  /** "Mod" is Ctrl, on a Mac Cmd. Without Mod or Alt the keys are left to text fields. */
  readonly shortcut?: string;
  /** False: not offered here at all. */
  readonly visible?: (app: AppState) => boolean;
  /** Why it cannot be done now; null when it can. */
  readonly reason?: (app: AppState) => string | null;
  readonly perform: (app: AppState) => void | Promise<void>;
}

export const labelOf = (action: Action, app: AppState): string =>
  typeof action.label === 'string' ? action.label : action.label(app);

export const reasonOf = (action: Action, app: AppState): string | null => action.reason?.(app) ?? null;

/** Does it unless there is a reason not to. */
export function perform(action: Action, app: AppState): void {
  if (action.visible?.(app) === false || reasonOf(action, app) !== null) return;
  void Promise.resolve(action.perform(app)).catch((error: unknown) => app.notices.complain(error));
}
