/** Where the window was when it was last closed. Kept in a small file; a broken or outdated one is as good as none. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Rectangle } from 'electron';

export interface WindowState extends Partial<Pick<Rectangle, 'x' | 'y'>> {
  readonly width: number;
  readonly height: number;
  readonly maximized: boolean;
}

export const smallest = { width: 1024, height: 700 } as const;
export const initial: WindowState = { width: 1440, height: 900, maximized: false };

/** How much of a window must lie on some screen to be within reach of the mouse, in pixels. */
const grip = 80;

/** Makes sense of whatever the file holds, on the screens that exist now. */
export function fit(saved: unknown, screens: readonly Rectangle[]): WindowState {
  const value = (typeof saved === 'object' && saved !== null ? saved : {}) as Record<string, unknown>;
  const number = (key: string): number | undefined =>
    typeof value[key] === 'number' && Number.isFinite(value[key]) ? Math.round(value[key]) : undefined;
  const largest = {
    width: Math.max(smallest.width, ...screens.map((screen) => screen.width)),
    height: Math.max(smallest.height, ...screens.map((screen) => screen.height)),
  };
  const clamp = (size: number | undefined, key: 'width' | 'height'): number =>
    Math.min(largest[key], Math.max(smallest[key], size ?? initial[key]));
  const state = {
    width: clamp(number('width'), 'width'),
    height: clamp(number('height'), 'height'),
    maximized: value['maximized'] === true,
  };
  const [x, y] = [number('x'), number('y')];
  if (x === undefined || y === undefined) return state;
  const reachable = screens.some(
    (screen) =>
      Math.min(x + state.width, screen.x + screen.width) - Math.max(x, screen.x) >= grip &&
      y >= screen.y &&
      y <= screen.y + screen.height - grip,
  );
  return reachable ? { ...state, x, y } : state;
}

export function readState(file: string, screens: readonly Rectangle[]): WindowState {
  try {
    return fit(JSON.parse(readFileSync(file, 'utf8')), screens);
  } catch {
    return fit(undefined, screens);
  }
}

/** A window that opens at its old place is a kindness; a disk that refuses to keep the place must not end the program. */
export function writeState(file: string, state: WindowState): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, JSON.stringify(state));
    renameSync(`${file}.new`, file);
  } catch {
    // next time the window opens at its initial place
  }
}
