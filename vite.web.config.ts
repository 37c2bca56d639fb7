import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const root = import.meta.dirname;

/**
 * The page, for the browser shell and for the window: one build into out/renderer.
 * `npm run dev` serves it with hot reload and passes the connection on to the lab that `npm run lab -- serve` has started;
 * the lab believes the page to be its own, because the proxy names the lab's address as Host and Origin.
 */
const lab = process.env['ABLATE_DEV_LAB'] ?? 'http://127.0.0.1:4173';

export default defineConfig({
  root: resolve(root, 'renderer'),
  base: './',
  plugins: [svelte({ configFile: resolve(root, 'svelte.config.js') })],
  worker: { format: 'es' },
  build: {
    outDir: resolve(root, 'out/renderer'),
    emptyOutDir: true,
    target: 'es2023',
    // fonts and icons stay files: a data: address would need a hole in the content security policy
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  server: {
    host: '127.0.0.1',
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
    proxy: { '/socket': { target: lab, ws: true, changeOrigin: true, headers: { Origin: new URL(lab).origin } } },
  },
});
