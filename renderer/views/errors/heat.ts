/** Colours of the cells of a confusion matrix. */
import { sequential } from '../../charts/sequential.ts';

type Rgb = readonly [number, number, number];

/** Relative luminance of WCAG 2. */
export function luminance([r, g, b]: Rgb): number {
  const linear = (byte: number): number => {
    const part = byte / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
}

/** Fill of `count` confusions where the most are `most`: the more, the further from the page; and the ink that reads on it. */
export function heat(count: number, most: number, dark: boolean): { readonly fill: Rgb; readonly ink: string } {
  // the square root keeps single errors apart from none where one pair is confused a hundred times
  const part = Math.sqrt(count / Math.max(1, most));
  const fill = sequential(dark ? 0.15 + 0.85 * part : 0.95 - 0.8 * part);
  // black and white have the same contrast at this luminance, 4.58
  return { fill, ink: luminance(fill) > 0.1791 ? '#000' : '#fff' };
}
