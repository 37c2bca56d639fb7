/** base64 -> bytes. */
export function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** Paints images u8 [N, C, H, W] into a grid, one canvas pixel per image pixel. One channel: grey; three: colour. */
export function paintSamples(
  canvas: HTMLCanvasElement,
  pixels: Uint8Array,
  shape: readonly number[],
  columns: number,
): void {
  const [channels, height, width] = shape.slice(-3) as [number, number, number];
  const plane = height * width;
  const n = Math.floor(pixels.length / (channels * plane));
  const rows = Math.max(1, Math.ceil(n / columns));
  canvas.width = columns * width;
  canvas.height = rows * height;
  const context = canvas.getContext('2d');
  if (!context) return;
  const picture = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < n; i++) {
    const left = (i % columns) * width;
    const top = Math.floor(i / columns) * height;
    for (let p = 0; p < plane; p++) {
      const at = 4 * ((top + Math.floor(p / width)) * canvas.width + left + (p % width));
      for (let c = 0; c < 3; c++)
        picture.data[at + c] = pixels[(i * channels + Math.min(c, channels - 1)) * plane + p]!;
      picture.data[at + 3] = 255;
    }
  }
  context.putImageData(picture, 0, 0);
}
