import { seriesColors } from '../state/colors.svelte.ts';
import type { Palette } from './option.ts';

/** The tokens of app.css as a canvas needs them: plain colours. Read anew when the theme changes. */
export function readPalette(element: HTMLElement): Palette {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return {
    series: Array.from({ length: seriesColors }, (_, i) => token(`--series-${i}`)),
    text: token('--text'),
    quiet: token('--quiet'),
    line: token('--line-strong'),
    grid: token('--grid'),
    font: token('--mono'),
  };
}
