/** jax-js as a contestant: node bench/children/jax.ts [webgpu]. */
import { readFileSync } from 'node:fs';
import { provideNavigatorGpu } from '../gpu/navigator.ts';
import { jaxServer } from '../networks/jax.ts';
import { serve } from './serve.ts';

const device = process.argv[2] === 'webgpu' ? 'webgpu' : 'wasm';
if (device === 'webgpu') await provideNavigatorGpu();
const manifest = new URL('../package.json', import.meta.resolve('@jax-js/jax'));
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
await serve(await jaxServer(device, version));
