/** Small choices that outlive the page: theme, pane widths, columns. A browser that keeps nothing loses only comfort. */
const prefix = 'ablate.';

export const recall = (key: string): unknown => read(() => localStorage, key);
export const remember = (key: string, value: unknown): void => write(() => localStorage, key, value);

/** The same for this window alone: it outlives a reload, and other windows have their own. */
export const recallHere = (key: string): unknown => read(() => sessionStorage, key);
export const rememberHere = (key: string, value: unknown): void => write(() => sessionStorage, key, value);

export function recallNumber(key: string, otherwise: number, low: number, high: number): number {
  const value = recall(key);
  return typeof value === 'number' && value >= low && value <= high ? value : otherwise;
}

// asking for the storage already throws where it is forbidden
function read(storage: () => Storage, key: string): unknown {
  try {
    const text = storage().getItem(prefix + key);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function write(storage: () => Storage, key: string, value: unknown): void {
  try {
    if (value === null || value === undefined) storage().removeItem(prefix + key);
    else storage().setItem(prefix + key, JSON.stringify(value));
  } catch {
    // storage can be full or forbidden
  }
}
