import { loadBackend } from '../host/backends.node.ts';
import { serveThread } from './thread.node.ts';

/**
 * Entry of the engine's threads, for training and for jobs on the CPU: `new Worker(new URL('engine/worker/entry.node.ts', ...))`. Runs
 * from TypeScript as it is, and bundled as an input of its own.
 */
serveThread({ backend: loadBackend });
