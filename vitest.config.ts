import { svelte } from '@sveltejs/vite-plugin-svelte';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { findBrowser, launchOptions } from './scripts/browser.ts';

const slow = process.env['ABLATE_QUICK'] === undefined ? [] : ['**/*.slow.test.ts'];

const node: TestProjectInlineConfiguration = {
  test: {
    name: 'node',
    include: ['test/**/*.test.ts'],
    exclude: ['test/component/**', 'test/e2e/**', ...slow],
    pool: 'forks', // native packages and worker_threads live longer in a process of their own
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
};

/** Svelte components in a real Chromium: measuring, canvas and Web Workers are what they are for the user. */
const component: TestProjectInlineConfiguration = {
  plugins: [svelte()],
  server: { headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' } },
  optimizeDeps: {
    // all of them ahead of time: found one by one, they make a cold first run load two Svelte runtimes and fail
    include: [
      ...['svelte', 'svelte/reactivity', 'svelte/transition', 'svelte/motion', 'svelte/attachments', 'svelte/events'],
      ...['vitest-browser-svelte', '@xyflow/svelte', '@bufbuild/protobuf/wire', 'zod', 'fast-check'],
      ...['echarts/core', 'echarts/charts', 'echarts/components', 'echarts/renderers'],
    ],
    // thousands of small files, of which a few dozen are used: served as they are
    exclude: ['@lucide/svelte'],
  },
  test: {
    name: 'component',
    include: ['test/component/**/*.test.ts'],
    exclude: slow,
    testTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } }, // what is seen late on a busy machine is seen
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: launchOptions() }),
      instances: [{ browser: 'chromium' as const }],
    },
  },
};

export default defineConfig({
  test: {
    // without a browser only the first is offered; scripts/test.ts counts the others as failed
    projects: findBrowser() === undefined ? [node] : [node, component],
    reporters: ['default', './scripts/reporters/vitest.ts'],
    // the whole suite may meet a machine with two cores; worker threads of the engine need their share
    maxWorkers: 2,
  },
});
