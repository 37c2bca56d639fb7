/** TensorFlow.js as a contestant: node bench/children/tfjs.ts wasm|cpu|webgpu. */
import { existsSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { provideNavigatorGpu } from '../gpu/navigator.ts';
import { tfjsServer } from '../networks/tfjs.ts';
import { serve } from './serve.ts';

const { resolve } = createRequire(import.meta.url);
const core = dirname(resolve('@tensorflow/tfjs-core'));

/**
 * The bundle for Node has no gradients; they lie beside it as modules for a bundler, whose imports have no file endings. Both
 * copies of the library meet in one global registry.
 */
registerHooks({
  resolve: (specifier, context, next) => {
    const inCore = context.parentURL?.startsWith(pathToFileURL(core).href) === true;
    if (!inCore || !specifier.startsWith('.') || specifier.endsWith('.js')) return next(specifier, context);
    const url = [`${specifier}.js`, `${specifier}/index.js`]
      .map((path) => new URL(path, context.parentURL))
      .find((candidate) => existsSync(fileURLToPath(candidate)));
    return url ? { url: url.href, format: 'module', shortCircuit: true } : next(specifier, context);
  },
});
await import(pathToFileURL(`${core}/register_all_gradients.js`).href);

const [backend = 'wasm'] = process.argv.slice(2);
if (backend === 'wasm') {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(`${dirname(resolve('@tensorflow/tfjs-backend-wasm'))}/`);
} else if (backend === 'webgpu') {
  await provideNavigatorGpu();
  await import('@tensorflow/tfjs-backend-webgpu');
} else await import('@tensorflow/tfjs-backend-cpu');
await serve(await tfjsServer(backend));
