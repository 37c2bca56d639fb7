/**
 * Numbers as people read them: units always, digits that mean something, the same everywhere.
 * A dash stands for "no value yet"; a non-finite number is named, never hidden.
 */

/** What stands where a value is missing. */
export const nothing = '–';

/** Thin enough to tie a number to its unit, and never broken at a line's end. */
const space = '\u202f';
const groups = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

type Maybe = number | null | undefined;

function special(value: Maybe): string | undefined {
  if (value === null || value === undefined) return nothing;
  if (Number.isNaN(value)) return 'not a number';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  return undefined;
}

const minus = (text: string): string => text.replace(/^-/, '−');

/** Whole numbers with grouped digits: 12,345. */
export function integer(value: Maybe): string {
  return special(value) ?? minus(groups.format(value!));
}

/** A count that may be large, three significant digits: 950, 12.3 k, 1.20 M, 4.5 G. */
export function count(value: Maybe): string {
  const odd = special(value);
  if (odd !== undefined) return odd;
  const size = Math.abs(value!);
  if (size < 10_000) return integer(value);
  for (const [limit, unit] of [
    [999_500, 'k'],
    [999_500_000, 'M'],
    [999_500_000_000, 'G'],
    [Number.POSITIVE_INFINITY, 'T'],
  ] as const) {
    if (size < limit) return `${significant(value! / scaleOf[unit], 3)}${space}${unit}`;
  }
  return nothing;
}
const scaleOf = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 } as const;

/** Made once for each number of decimals: hundreds of cards are written at one edit. */
const formats = new Map<number, Intl.NumberFormat>();
function fixed(decimals: number): Intl.NumberFormat {
  const known = formats.get(decimals);
  if (known) return known;
  const made = new Intl.NumberFormat('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  formats.set(decimals, made);
  return made;
}

/** `digits` significant digits without an exponent where that stays readable: 0.0123, 1.20, 35.1, 1,230. */
export function significant(value: Maybe, digits = 3): string {
  const odd = special(value);
  if (odd !== undefined) return odd;
  if (value === 0) return '0';
  const size = Math.abs(value!);
  if (size < 1e-4 || size >= 1e15) return scientific(value!, digits);
  // rounding first, so that 9.996 counts as 10.0 and not as 10.00
  const rounded = Number(value!.toPrecision(digits));
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(rounded))));
  return minus(fixed(decimals).format(rounded));
}

const superscripts: Record<string, string> = Object.fromEntries(
  [...'0123456789-'].map((digit, i) => [digit, '⁰¹²³⁴⁵⁶⁷⁸⁹⁻'[i]!]),
);

/** 1.5 × 10⁻⁵ */
export function scientific(value: number, digits = 3): string {
  const [mantissa, exponent] = value.toExponential(digits - 1).split('e');
  const raised = [...String(Number(exponent))].map((digit) => superscripts[digit]!).join('');
  return `${minus(mantissa!.replace(/\.?0+$/, ''))}${space}×${space}10${raised}`;
}

/** A setting as it was typed: 0.1, 0.001, 1 × 10⁻⁸; no digits added. */
export function setting(value: Maybe): string {
  const odd = special(value);
  if (odd !== undefined) return odd;
  const size = Math.abs(value!);
  if (size !== 0 && (size < 1e-4 || size >= 1e15)) return scientific(value!, 4);
  return minus(value!.toLocaleString('en', { maximumSignificantDigits: 12 }));
}

/** A fraction as a percentage; two decimals, because 10,000 test images resolve one hundredth of a percent. */
export function percent(value: Maybe, decimals = 2): string {
  return special(value) ?? `${minus((value! * 100).toFixed(decimals))}${space}%`;
}

/** A loss: four significant digits. */
export function loss(value: Maybe): string {
  // of a run that diverges, the size is what there is to know, and beside a curve there is little room
  if (special(value) === undefined && Math.abs(value!) >= 1e9) return scientific(value!);
  return significant(value, 4);
}

/** A duration in seconds: 830 ms, 12.4 s, 3 min 20 s, 2 h 05 min, 3 d 4 h. */
export function duration(seconds: Maybe): string {
  const odd = special(seconds);
  if (odd !== undefined) return odd;
  const value = seconds!;
  if (value < 0) return `−${duration(-value)}`;
  if (value === 0) return `0${space}s`;
  if (value < 0.9995) return `${significant(value * 1000, 3)}${space}ms`;
  if (value < 99.95) return `${significant(value, 3)}${space}s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)}${space}min ${String(whole % 60).padStart(2, '0')}${space}s`;
  const minutes = Math.round(value / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}${space}h ${String(minutes % 60).padStart(2, '0')}${space}min`;
  const hours = Math.round(value / 3600);
  return `${Math.floor(hours / 24)}${space}d ${hours % 24}${space}h`;
}

/** A rate: 12,300 images/s. */
export function rate(value: Maybe, unit = 'images/s'): string {
  if (value === null || value === undefined) return nothing;
  return `${value < 100 ? significant(value, 3) : integer(Number(value.toPrecision(3)))}${space}${unit}`;
}

/** Bytes in powers of 1024: 512 B, 1.50 KiB, 38.4 MiB. */
export function bytes(value: Maybe): string {
  const odd = special(value);
  if (odd !== undefined) return odd;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value!;
  let unit = 0;
  while (size >= 1023.5 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? integer(size) : significant(size, 3)}${space}${units[unit]!}`;
}

/** A signed difference: +1.2, −0.03, ±0. */
export function signed(value: Maybe, format: (value: number) => string): string {
  const odd = special(value);
  if (odd !== undefined) return odd;
  if (value === 0) return `±${format(0)}`;
  return `${value! > 0 ? '+' : '−'}${format(Math.abs(value!))}`;
}

/** A moment, short: today's as a time, this year's as day and month, older ones with the year. */
export function moment(at: Maybe, now = Date.now()): string {
  if (at === null || at === undefined) return nothing;
  const then = new Date(at);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) {
    return then.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  }
  const year = then.getFullYear() === today.getFullYear() ? undefined : ('numeric' as const);
  return then.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year });
}

/** "3 runs", "1 run". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${integer(n)} ${n === 1 ? one : many}`;
}

/** "a, b and c". */
export function listing(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`;
}

/** A shape: 32×14×14. */
export function shape(extents: readonly number[]): string {
  return extents.length === 0 ? 'scalar' : extents.join('×');
}

/** A difference of two values of a comparison table; of percentages in percentage points. */
export function differenceInUnit(value: Maybe, unit: string): string {
  if (unit === 'fraction') return signed(value, (size) => `${(size * 100).toFixed(2)}${space}pp`);
  return signed(value, (size) => inUnit(size, unit));
}

/** How a value of a comparison table reads, by the unit the lab names. */
export function inUnit(value: Maybe, unit: string): string {
  switch (unit) {
    case '':
      return significant(value, 4);
    case 's':
      return duration(value);
    case 'fraction':
      return percent(value);
    case 'steps':
    case 'count':
      return special(value) ?? integer(Math.round(value!));
    case 'images/s':
      return rate(value);
    default:
      return value === null || value === undefined ? nothing : `${significant(value, 4)}${space}${unit}`;
  }
}

/** What tells a run from the others of its group: "seed 1", or "seed 1, fold 2 of 5". */
export function replicate({ seed, fold, folds }: { seed: number; fold: number | null; folds: number | null }): string {
  return fold === null ? `seed ${seed}` : `seed ${seed}, fold ${fold} of ${folds}`;
}

/** What a run of the bench will do: "Run", "Run 3 seeds", "Run 5 folds", "Run 3 × 5 folds". */
export function runText(seeds: number, folds: number | null): string {
  if (folds !== null) return seeds > 1 ? `Run ${seeds} × ${folds} folds` : `Run ${folds} folds`;
  return seeds > 1 ? `Run ${seeds} seeds` : 'Run';
}
