import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Where Node keeps what it made of the sources: without types, and compiled. Of use only where the program runs from TypeScript as it
 * is; what a bundler made starts as quickly without.
 */
const folder = join(import.meta.dirname, '../node_modules/.cache/ablate-compiled');

/**
 * Has this process, and the threads and processes that it starts from now on, keep what they compile and read what was kept. They
 * start several times faster (docs/performance.md); and Node's stripping of types, which is WebAssembly with calls into JavaScript,
 * then hardly ever runs in several threads at once, which V8 does not always survive (nodejs/node#64500). Where the folder cannot be
 * written to, all stays as it would be without. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */
export function keepCompiled(): void {
  process.env['NODE_COMPILE_CACHE'] ??= folder;
  enableCompileCache(process.env['NODE_COMPILE_CACHE']);
}
