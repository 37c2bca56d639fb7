import { fileURLToPath } from 'node:url';
import { isInstalled } from './installed.ts';
import type { Peer } from './peer.ts';

const child = fileURLToPath(new URL('../children/jax.ts', import.meta.url));

/** jax-js on WebAssembly, with as many threads as it takes. */
export const jax: Peer = {
  name: 'jax',
  missing: () =>
    isInstalled('@jax-js/jax') ? null : 'not installed (npm install brings it as a development dependency)',
  programs: () => [{ name: 'jax-wasm', command: process.execPath, args: ['--no-warnings', child] }],
};
