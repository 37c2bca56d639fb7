import { resolve } from 'node:path';
import { defineConfig } from 'electron-vite';
import type { Plugin } from 'vite';

const root = import.meta.dirname;

/**
 * `new URL('../worker/helper.node.ts', import.meta.url)` runs from source as it stands. Here every module keeps its place, so
 * only the ending has to follow.
 */
const workerUrls: Plugin = {
  name: 'worker-urls',
  enforce: 'pre', // sees the sources as they are written
  transform: (code, id) =>
    /\.ts$/.test(id) && code.includes('import.meta.url')
      ? { code: code.replace(/(new URL\(\s*'[^']+)\.ts('\s*,\s*import\.meta\.url)/g, '$1.js$2'), map: null }
      : null,
};

/**
 * Main process, preload scripts, worker threads and the hidden page for the GPU of the desktop app. The page that is seen is built
 * by vite.web.config.ts, once for all shells. Modules keep their places below out/main, so a worker finds its neighbours by the same relative paths as in the
 * sources, and the engine's workers are one folder that can lie outside the app's archive.
 */
export default defineConfig({
  main: {
    plugins: [workerUrls],
    build: {
      outDir: resolve(root, 'out/main'),
      sourcemap: true,
      rolldownOptions: {
        input: {
          'electron/main': resolve(root, 'electron/main.ts'),
          'engine/worker/entry.node': resolve(root, 'engine/worker/entry.node.ts'),
          'engine/worker/helper.node': resolve(root, 'engine/worker/helper.node.ts'),
          'engine/worker/selfTest.node': resolve(root, 'engine/worker/selfTest.node.ts'),
        },
        output: {
          format: 'es',
          preserveModules: true,
          preserveModulesRoot: root,
          entryFileNames: '[name].js',
        },
      },
    },
  },
  preload: {
    build: {
      outDir: resolve(root, 'out/preload'),
      // a sandboxed preload script is one CommonJS file that can require nothing but Electron
      externalizeDeps: false,
      isolatedEntries: true,
      rolldownOptions: {
        input: { preload: resolve(root, 'electron/preload.ts'), gpu: resolve(root, 'electron/gpu/preload.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: resolve(root, 'electron/gpu'),
    base: './',
    // a worker has modules of its own, which are loaded when they are needed
    worker: { format: 'es' },
    build: {
      outDir: resolve(root, 'out/gpu'),
      minify: true,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { input: { index: resolve(root, 'electron/gpu/index.html') } },
    },
  },
});
