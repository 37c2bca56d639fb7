import { existsSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import sirv from 'sirv';
import { LabError } from '../../lab/contract/errors.ts';

/** Files that Vite names by their content, so that a copy never goes stale. */
const hashedFiles = /^\/assets\//;

/**
 * Headers of every answer. The page runs its own scripts only, talks to this server only, cannot be framed, and is isolated
 * from other sites' windows (which shared memory needs). Styles are set inline by the charts and the graph.
 */
export function securityHeaders(port: number): Record<string, string> {
  const sockets = ['127.0.0.1', 'localhost'].map((name) => `ws://${name}:${port}`).join(' ');
  const policy = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self' 'unsafe-inline'",
    'img-src': "'self' data: blob:",
    'font-src': "'self'",
    // 'self' does not cover ws: in every browser
    'connect-src': `'self' ${sockets}`,
    'worker-src': "'self'",
    'manifest-src': "'self'",
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
  };
  return {
    'Content-Security-Policy': Object.entries(policy)
      .map(([name, value]) => `${name} ${value}`)
      .join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  };
}

/** Serves the built page. Throws a LabError that says how to build it when it is not there. */
export function createPage(folder: string): RequestListener {
  if (!existsSync(join(folder, 'index.html'))) {
    throw new LabError(
      'usage',
      `The page is not built: ${join(folder, 'index.html')} is missing. Run "npm run build:web" first, or "npm start", which builds it.`,
    );
  }
  const serveFile = sirv(folder, {
    etag: true,
    dotfiles: false,
    setHeaders: (response, path) => response.setHeader('Cache-Control', cacheOf(path)),
  });
  return (request, response) =>
    serveFile(request, response, () => answerText(response, 404, 'There is no such file. The lab is at /.'));
}

function cacheOf(path: string): string {
  if (hashedFiles.test(path)) return 'public, max-age=31536000, immutable';
  return path === '/' || path.endsWith('.html') ? 'no-store' : 'no-cache';
}

export function answerText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  response.end(`${text}\n`);
}
