import { stripVTControlCharacters } from 'node:util';
import type { Stream } from './terminal.ts';

export interface Column {
  readonly title: string;
  /** Numbers stand right, so that their digits line up. Default left. */
  readonly align?: 'left' | 'right';
  /** May be cut when the screen is too narrow; of several the widest is cut first. */
  readonly flexible?: boolean;
}

const gap = '  ';
const narrowest = 8;

/** Columns a text takes on the screen. */
export const widthOf = (text: string): number => [...stripVTControlCharacters(text)].length;

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** Cuts a text without colours in it to a width, and shows that it was cut. */
export function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** A table with a quiet header line. Cells hold one line each. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], stream: Stream): string {
  const widths = columns.map((column, i) =>
    Math.max(widthOf(column.title), ...rows.map((row) => widthOf(row[i] ?? ''))),
  );
  let excess = widths.reduce((sum, width) => sum + width + gap.length, -gap.length) - stream.width();
  while (stream.live && excess > 0) {
    const at = widestFlexible(columns, widths);
    if (at === -1) break;
    widths[at]!--;
    excess--;
  }
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const fitted = widthOf(cell) > widths[i]! ? cut(stripVTControlCharacters(cell), widths[i]!) : cell;
        return pad(fitted, widths[i]!, columns[i]!.align);
      })
      .join(gap)
      .trimEnd();
  const head = stream.style.dim(line(columns.map((column) => column.title)));
  return `${[head, ...rows.map((row) => line(row))].join('\n')}\n`;
}

function widestFlexible(columns: readonly Column[], widths: readonly number[]): number {
  let widest = -1;
  columns.forEach((column, i) => {
    const width = widths[i]!;
    if (column.flexible && width > narrowest && (widest === -1 || width > widths[widest]!)) widest = i;
  });
  return widest;
}

/** Names and notes are other people's words: what would steer the terminal is taken out. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this is about
  return stripVTControlCharacters(text).replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, ' ');
}

/** "name  value" lines with the values in one column. */
export function facts(pairs: readonly (readonly [string, string] | null)[], stream: Stream, indent = ''): string {
  const kept = pairs.filter((pair) => pair !== null);
  const width = Math.max(0, ...kept.map(([name]) => widthOf(name)));
  return kept.map(([name, value]) => `${indent}${stream.style.dim(pad(name, width))}  ${value}\n`).join('');
}
