import '../../renderer/app.css';
import { describe, expect, it } from 'vitest';

/** Relative luminance of "rgb(r, g, b)", WCAG 2.2. */
function luminance(color: string): number {
  const [r, g, b] = color
    .match(/[\d.]+/g)!
    .slice(0, 3)
    .map((channel) => Number(channel) / 255)
    .map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4)) as [
    number,
    number,
    number,
  ];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** A token of app.css as the browser resolves it. */
function resolve(token: string, theme: string): string {
  document.documentElement.dataset['theme'] = theme;
  const probe = document.createElement('span');
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const grounds = ['page', 'panel', 'sunk', 'hover', 'accent-soft'];
/** Text needs 4.5 to 1, lines that carry a meaning 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11). */
const pairs = [
  ...grounds.flatMap((ground) => ['text', 'quiet'].map((token) => ({ token, ground, least: 4.5 }))),
  ...['page', 'panel', 'accent-soft'].map((ground) => ({ token: 'accent', ground, least: 4.5 })),
  ...['good', 'warn', 'bad'].flatMap((token) => ['page', 'panel'].map((ground) => ({ token, ground, least: 4.5 }))),
  { token: 'bad', ground: 'bad-soft', least: 4.5 },
  { token: 'warn', ground: 'warn-soft', least: 4.5 },
  { token: 'on-accent', ground: 'accent', least: 4.5 },
  ...['page', 'panel'].map((ground) => ({ token: 'control-line', ground, least: 3 })),
  ...Array.from({ length: 8 }, (_, i) => ({ token: `series-${i}`, ground: 'page', least: 3 })),
  ...['input', 'linear', 'normalisation', 'activation', 'pooling', 'regularisation', 'shape', 'merge'].map((name) => ({
    token: `stripe-${name}`,
    ground: 'panel',
    least: 3,
  })),
];

describe.each(['light', 'dark'])('contrast, %s', (theme) => {
  it.each(pairs)('$token on $ground is at least $least to 1', ({ token, ground, least }) => {
    expect(contrast(resolve(token, theme), resolve(ground, theme))).toBeGreaterThanOrEqual(least);
  });
});
