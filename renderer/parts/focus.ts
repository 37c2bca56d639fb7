/** Where Tab stops, for parts that keep the focus within themselves. */

const stops = 'a[href], button, input, select, textarea, [tabindex]';

/** What Tab reaches inside of `root`, in its order. */
export function focusables(root: HTMLElement): HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>(stops)].filter(
    (element) => element.tabIndex >= 0 && !element.matches(':disabled') && element.checkVisibility(),
  );
}

/** Where Tab goes at either end of a list of stops, round the corner; null where the browser's own next stop is the right one. */
export function nextStop(list: readonly HTMLElement[], from: Element | null, back: boolean): HTMLElement | null {
  const at = list.indexOf(from as HTMLElement);
  if (back) return at <= 0 ? (list.at(-1) ?? null) : null;
  return at === list.length - 1 ? (list[0] ?? null) : null;
}
