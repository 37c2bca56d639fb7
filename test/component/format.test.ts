import { describe, expect, it } from 'vitest';
import {
  bytes,
  count,
  differenceInUnit,
  duration,
  integer,
  inUnit,
  listing,
  loss,
  moment,
  percent,
  plural,
  rate,
  setting,
  shape,
  signed,
  significant,
} from '../../renderer/format.ts';

/** The thin space before units as a plain one, so that the table below can be read. */
const plain = (text: string): string => text.replaceAll('\u202f', ' ');

describe('numbers as people read them', () => {
  it.each([
    [0, '0'],
    [1, '1.00'],
    [0.97314, '0.973'],
    [9.996, '10.0'],
    [35.14, '35.1'],
    [1234.5, '1,230'],
    [-0.01234, '−0.0123'],
    [0.00001234, '1.23 × 10⁻⁵'],
    [Number.NaN, 'not a number'],
    [Number.NEGATIVE_INFINITY, '−∞'],
    [null, '–'],
  ])('significant(%s) is %s', (value, text) => {
    expect(plain(significant(value))).toBe(text);
  });

  it.each([
    [950, '950'],
    [9999, '9,999'],
    [99_710, '99.7 k'],
    [999_499, '999 k'],
    [999_600, '1.00 M'],
    [4_040_000, '4.04 M'],
    [2.5e9, '2.50 G'],
    [undefined, '–'],
  ])('count(%s) is %s', (value, text) => expect(plain(count(value))).toBe(text));

  it.each([
    [0, '0 s'],
    [0.0123, '12.3 ms'],
    [12.44, '12.4 s'],
    [99.96, '1 min 40 s'],
    [200, '3 min 20 s'],
    [3599.6, '1 h 00 min'],
    [7500, '2 h 05 min'],
    [86_400 * 3 + 4 * 3600, '3 d 4 h'],
    [-5, '−5.00 s'],
  ])('duration(%s) is %s', (value, text) => expect(plain(duration(value))).toBe(text));

  it('keeps units and signs', () => {
    expect(plain(percent(0.97314))).toBe('97.31 %');
    expect(plain(rate(82_612))).toBe('82,600 images/s');
    expect(plain(rate(8.25))).toBe('8.25 images/s');
    expect(plain(bytes(510 * 1024))).toBe('510 KiB');
    expect(plain(bytes(1023.7))).toBe('1.00 KiB');
    expect(loss(0.31745)).toBe('0.3175');
    expect(loss(2.1854e31)).toBe('2.19\u202f×\u202f10³¹');
    expect(setting(1e-8)).toContain('10⁻⁸');
    expect(setting(0.1)).toBe('0.1');
    expect(integer(-1234567)).toBe('−1,234,567');
    expect(signed(0, integer)).toBe('±0');
    expect(signed(-3, integer)).toBe('−3');
    expect(shape([32, 14, 14])).toBe('32×14×14');
  });

  it('reads a table by its units; a difference of percentages is in percentage points', () => {
    expect(plain(inUnit(0.9617, 'fraction'))).toBe('96.17 %');
    expect(plain(differenceInUnit(-0.0256, 'fraction'))).toBe('−2.56 pp');
    expect(inUnit(4633.3, 'steps')).toBe('4,633');
    expect(plain(differenceInUnit(0.756, 's'))).toBe('+756 ms');
    expect(inUnit(null, 'parsec')).toBe('–');
  });

  it('speaks of days and lists', () => {
    const noon = new Date(2026, 5, 1, 12, 30).getTime();
    expect(moment(noon, noon + 1000)).toBe('12:30');
    expect(moment(noon, noon + 40 * 86_400_000)).toBe('1 Jun');
    expect(moment(noon, noon + 400 * 86_400_000)).toBe('1 Jun 2026');
    expect(plural(1, 'run')).toBe('1 run');
    expect(plural(1200, 'run')).toBe('1,200 runs');
    expect(listing(['a', 'b', 'c'])).toBe('a, b and c');
  });
});
