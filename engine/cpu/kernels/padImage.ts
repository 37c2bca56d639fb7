import type { Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import type { Padded } from './convShape.ts';

/** Whether the image can be read in place: nothing around it and its rows as wide as wanted. */
export function isPaddedInPlace(height: number, width: number, padded: Padded): boolean {
  return (
    padded.top === 0 &&
    padded.left === 0 &&
    padded.spreadHeight === 1 &&
    padded.spreadWidth === 1 &&
    padded.height <= height &&
    padded.width === width
  );
}

/** Image pixels first <= i < last land inside the padded extent at start + i * spread. */
function inside(count: number, start: number, spread: number, extent: number): { first: number; last: number } {
  const first = Math.max(0, Math.ceil(-start / spread));
  const last = Math.min(count, Math.floor((extent - 1 - start) / spread) + 1);
  return { first, last: Math.max(first, last) };
}

function emitCopy(f: Func, target: Local, source: Local, floats: number): void {
  const vectors = floats >> 2;
  const wide = vectors >> 2;
  const move = (offset: number): void => f.store(target, offset, f.load(source, offset));
  f.times(wide, () => {
    for (let v = 0; v < 4; v++) move(16 * v);
    f.inc(target, 64);
    f.inc(source, 64);
  });
  for (let v = 0; v < vectors % 4; v++) move(16 * v);
  const done = 16 * (vectors % 4);
  for (let i = 0; i < floats % 4; i++) {
    f.storeF32(target, done + 4 * i, f.loadF32(source, done + 4 * i));
  }
}

/** pad(source, target): one image of `height` x `width` pixels of `pixel` floats into its padded form, all of it written. */
export function padCore(module: Module, height: number, width: number, pixel: number, padded: Padded): Func {
  const { top, left, spreadHeight, spreadWidth } = padded;
  const key = `pad ${height} ${width} ${pixel} ${Object.values(padded).join(' ')}`;
  return module.core(key, ['i32', 'i32'], (f) => {
    const [source, target] = f.params() as [Local, Local];
    const from = f.local('i32');
    const to = f.local('i32');
    const row = 4 * padded.width * pixel;
    const down = inside(height, top, spreadHeight, padded.height);
    const across = inside(width, left, spreadWidth, padded.width);
    f.zero(target, padded.height * row);
    if (down.last === down.first || across.last === across.first) return;
    f.inc(source, 4 * pixel * (down.first * width + across.first));
    f.inc(target, (top + down.first * spreadHeight) * row + 4 * pixel * (left + across.first * spreadWidth));
    f.times(down.last - down.first, () => {
      f.set(from, source);
      f.set(to, target);
      if (spreadWidth === 1) emitCopy(f, to, from, (across.last - across.first) * pixel);
      else
        f.times(across.last - across.first, () => {
          if (pixel % 4 === 0) {
            const c = f.local('i32');
            f.for(c, 0, 4 * pixel, 16, () => f.store(f.i32.add(to, c), 0, f.load(f.i32.add(from, c))));
          } else for (let i = 0; i < pixel; i++) f.storeF32(to, 4 * i, f.loadF32(from, 4 * i));
          f.inc(from, 4 * pixel);
          f.inc(to, 4 * pixel * spreadWidth);
        });
      f.inc(source, 4 * pixel * width);
      f.inc(target, row * spreadHeight);
    });
  });
}
