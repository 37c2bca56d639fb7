/** Small choices that outlive the page: theme, pane widths, columns. A browser that keeps nothing loses only comfort. */
const prefix = 'ablate.';

export function recall(key: string): unknown {
  try {
    const text = localStorage.getItem(prefix + key);
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function recallNumber(key: string, otherwise: number, low: number, high: number): number {
  const value = recall(key);
  return typeof value === 'number' && value >= low && value <= high ? value : otherwise;
}

export function remember(key: string, value: unknown): void {
  try {
    if (value === null || value === undefined) localStorage.removeItem(prefix + key);
    else localStorage.setItem(prefix + key, JSON.stringify(value));
  } catch {
    // storage can be full or forbidden
  }
}
