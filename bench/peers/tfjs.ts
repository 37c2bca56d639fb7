import { fileURLToPath } from 'node:url';
import { isInstalled } from './installed.ts';
import type { Peer } from './peer.ts';

const child = fileURLToPath(new URL('../children/tfjs.ts', import.meta.url));
/** TensorFlow.js on its WebAssembly backend (one thread: in Node it has no others) and on plain JavaScript. */
export const tfjs: Peer = {
  name: 'tfjs',
  missing: () =>
    ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-backend-cpu'].every(isInstalled)
      ? null
      : 'not installed (npm install brings it as a development dependency)',
  programs: () =>
    ['wasm', 'cpu'].map((backend) => ({
      name: `tfjs-${backend}`,
      command: process.execPath,
      args: ['--no-warnings', child, backend],
    })),
};
