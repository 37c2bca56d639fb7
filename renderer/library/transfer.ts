/** Models to and from files: the page's side of it. */
import type { ExportFormat, ModelRef } from '../../lab/contract/architectureRecords.ts';
import type { MethodOutput } from '../../lab/contract/methods.ts';
import { download } from '../charts/export.ts';
import type { Link } from '../link/link.ts';

/** What the menu offers: the lab's formats, and PNG, which is painted here. */
export type MenuFormat = ExportFormat | 'png';

/** A message to the lab holds at most 8 MiB; base64 takes a third more than the bytes. Divisible by 3: no padding. */
const part = 3 * 2 ** 20;
/** As large as the lab reads; told before anything is sent. */
const largest = 512 * 2 ** 20;
/** Pixels of a picture, beyond which browsers give an empty one. */
const mostPixels = 16_000;

type Exported = MethodOutput<'architectures.export'>;

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/**
 * Fetches a model in a format and hands it to the browser as a download. `weights`: those that it began with, in place of its best
 * ones; `ticket` names the export while it is under way. Returns what the format does not keep.
 */
export async function exportModel(
  link: Link,
  of: ModelRef,
  format: MenuFormat,
  weights?: 'initial',
  ticket?: string,
): Promise<Exported> {
  const exported = await link.call('architectures.export', {
    of,
    format: format === 'png' ? 'svg' : format,
    ...(weights !== undefined && { weights }),
    ...(ticket !== undefined && { ticket }),
  });
  const bytes = bytesOf(exported.content);
  if (format === 'png') {
    const file = exported.file.replace(/\.svg$/, '.png');
    download(file, await paint(new TextDecoder().decode(bytes)));
    return { ...exported, file };
  }
  download(exported.file, new Blob([bytes], { type: exported.mediaType }));
  return exported;
}

/** An SVG document as PNG, twice as fine as a screen. */
export async function paint(svg: string): Promise<Blob> {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    image.src = url;
    await image.decode();
    const { naturalWidth: width, naturalHeight: height } = image;
    const scale = Math.min(2, mostPixels / Math.max(width, height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext('2d');
    if (!context) throw new Error('This browser gives no canvas to draw the picture on.');
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob(
        (blob) => (blob ? resolve(blob) : reject(new Error('The picture could not be made.'))),
        'image/png',
      ),
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}

export type FileContent = { base64: string } | { upload: string };

/** Sends a file to the lab in parts, does something with it there, and has it forgotten. */
export async function withUpload<T>(link: Link, file: File, body: (content: FileContent) => Promise<T>): Promise<T> {
  if (file.size > largest) {
    throw new Error(
      `${file.name} has ${Math.ceil(file.size / 2 ** 20)} MiB; files of up to ${largest / 2 ** 20} MiB are read.`,
    );
  }
  if (file.size <= part) return body({ base64: await base64Of(file) });
  const upload = crypto.randomUUID();
  try {
    for (let offset = 0; offset < file.size; offset += part) {
      await link.call('files.put', { upload, offset, base64: await base64Of(file.slice(offset, offset + part)) });
    }
    return await body({ upload });
  } finally {
    void link.call('files.put', { upload, offset: 0, done: true }).catch(() => undefined);
  }
}

/** The browser's own way, which takes megabytes without a pause. */
async function base64Of(blob: Blob): Promise<string> {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.addEventListener('load', () => resolve((reader.result as string).replace(/^[^,]*,/, '')));
    reader.addEventListener('error', () => reject(reader.error ?? new Error('The file cannot be read.')));
    reader.readAsDataURL(blob);
  });
}
