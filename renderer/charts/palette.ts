import { seriesColors } from '../state/colors.svelte.ts';
import type { Palette } from './option.ts';

/** Read once for each theme: dozens of small plots are painted at once, and computed styles are slow to ask for. */
let read: { readonly theme: string | undefined; readonly palette: Palette } | null = null;

/** The tokens of app.css as a canvas needs them, in the theme that the page has now: plain colours. */
export function readPalette(): Palette {
  const root = document.documentElement;
  const theme = root.dataset['theme'];
  if (read !== null && read.theme === theme) return read.palette;
  const style = getComputedStyle(root);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  const palette = {
    series: Array.from({ length: seriesColors }, (_, i) => token(`--series-${i}`)),
    text: token('--text'),
    quiet: token('--quiet'),
    line: token('--line-strong'),
    grid: token('--grid'),
    font: token('--mono'),
  };
  read = { theme, palette };
  return palette;
}
