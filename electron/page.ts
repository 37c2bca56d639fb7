/** Serves the built page over its own scheme, from one folder and with the headers of security.ts. */
import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { pageHeaders } from './security.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/** The file in `folder` that an address names; undefined for anything outside of it. */
export function fileOf(folder: string, address: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(new URL(address).pathname);
  } catch {
    return undefined;
  }
  if (path.includes('\0')) return undefined;
  const file = normalize(join(folder, path));
  return file.startsWith(folder + sep) ? file : undefined;
}

/** For Electron's `protocol.handle`. Answers GET for files it knows the type of, and 404 to all else. */
export function servePage(
  folder: string,
  headers: Readonly<Record<string, string>> = pageHeaders,
): (request: Pick<Request, 'method' | 'url'>) => Promise<Response> {
  const missing = (): Response => new Response('Not found', { status: 404, headers: { ...headers } });
  return async (request) => {
    const file = fileOf(folder, request.url);
    const type = file === undefined ? undefined : types[extname(file)];
    if (file === undefined || type === undefined || request.method !== 'GET') return missing();
    try {
      const bytes = new Uint8Array(await readFile(file));
      return new Response(bytes, { headers: { ...headers, 'Content-Type': type } });
    } catch {
      return missing();
    }
  };
}
