import type { EChartsType } from './echarts.ts';
import type { Curve } from './model.ts';
import type { Palette } from './option.ts';

/** Hands a file to whoever sits there. */
export function download(name: string, blob: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[\\/:*?"<>|]+/g, ' ').trim();
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Long form: one row per point, with the curve's name; bands as two more columns. */
export function curvesCsv(curves: readonly Curve[], x: string, y: string): string {
  const rows = [['curve', x, y, 'low', 'high'].map(cell).join(',')];
  for (const { id, label, points, band } of curves) {
    const name = cell(label ?? id);
    for (let i = 0; i < points.length; i += 2) {
      rows.push(
        [name, points[i]!, number(points[i + 1]), number(band?.low[i + 1]), number(band?.high[i + 1])].join(','),
      );
    }
  }
  return `${rows.join('\n')}\n`;
}

const number = (value: number | undefined): string =>
  value !== undefined && Number.isFinite(value) ? String(value) : '';
const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

export interface LabelRow {
  readonly text: string;
  readonly value: string;
  readonly y: number;
  readonly color: number;
}

/** The chart with its title and labels as one picture, twice as fine as the screen. */
export async function pictureOf(
  chart: EChartsType,
  title: string,
  labels: readonly LabelRow[],
  palette: Palette,
  background: string,
  labelX: number,
): Promise<Blob> {
  const scale = 2;
  const head = 32;
  const lines = chart.renderToCanvas({ pixelRatio: scale, backgroundColor: background });
  const canvas = document.createElement('canvas');
  canvas.width = lines.width;
  canvas.height = lines.height + head * scale;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser gives no canvas to draw the picture on.');
  context.scale(scale, scale);
  context.fillStyle = background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(lines, 0, head, lines.width / scale, lines.height / scale);
  const text = getComputedStyle(document.body).fontFamily;
  context.textBaseline = 'middle';
  context.fillStyle = palette.text;
  context.font = `600 13px ${text}`;
  context.fillText(title, 16, head / 2);
  for (const label of labels) {
    context.fillStyle = palette.series[label.color]!;
    context.fillRect(labelX - 4, head + label.y - 12, 3, 24);
    context.fillStyle = palette.text;
    context.font = `500 11px ${text}`;
    context.fillText(label.text, labelX + 5, head + label.y - 7);
    context.font = `11px ${palette.font}`;
    context.fillText(label.value, labelX + 5, head + label.y + 8);
  }
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be made.'))), 'image/png'),
  );
}
