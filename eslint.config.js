import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import { roomsRule } from './scripts/roomsRule.ts';
import svelteConfig from './svelte.config.js';

/** Globals that exist on one host only; `bare` files of the core run on both. */
const hostGlobals = [
  ...['process', 'Buffer', 'require', '__dirname', '__filename', 'global', 'setImmediate'],
  ...['window', 'document', 'navigator', 'localStorage', 'Worker', 'self', 'postMessage', 'HTMLElement'],
].map((name) => ({ name, message: 'This file runs on every host: put host code into a .node.ts or .web.ts file.' }));

/** The lab works with no network and makes no call to one. */
const network = ['fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource'].map((name) => ({
  name,
  message: 'Nothing in the core talks to a network.',
}));

export default defineConfig(
  { ignores: ['out/', 'dist/', 'coverage/', 'test-results/', 'playwright-report/', '.svelte-check/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ts.configs.strictTypeChecked,
  svelte.configs.recommended,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js', '*.cjs', 'scripts/*.mjs'] },
        tsconfigRootDir: import.meta.dirname,
        extraFileExtensions: ['.svelte'],
      },
    },
    plugins: { rooms: { rules: { imports: roomsRule } } },
    rules: {
      'rooms/imports': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // indexing is the daily bread of numerical code, and every index there is `T | undefined` for the type checker
      '@typescript-eslint/no-non-null-assertion': 'off',
      // an interface that is asynchronous on one host is often answered at once on another
      '@typescript-eslint/require-await': 'off',
      // JSON.stringify, Reflect, indexed access: types promise more than the host keeps, and guards at the edges are right
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // objects of functions (kernels, ports) are taken apart all the time; none of them has a `this`
      '@typescript-eslint/unbound-method': 'off',
      // mathematical constants are written with the digits of their source
      'no-loss-of-precision': 'off',
      '@typescript-eslint/no-generated-empty-object-type': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/prefer-reduce-type-parameter': 'off',
    },
  },
  {
    files: ['engine/**/*.ts', 'lab/**/*.ts', 'db/**/*.ts'],
    rules: { 'no-console': 'error', 'no-restricted-globals': ['error', ...network, ...hostGlobals] },
  },
  {
    files: ['engine/**/*.node.ts', 'engine/**/*.web.ts', 'lab/**/*.node.ts', 'db/**/*.node.ts'],
    rules: { 'no-restricted-globals': ['error', ...network] },
  },
  {
    // tests reach into parsed JSON and hand out broken things on purpose
    files: ['test/**'],
    rules: Object.fromEntries(
      ['no-unsafe-assignment', 'no-unsafe-argument', 'no-unsafe-member-access', 'no-unsafe-call', 'no-unsafe-return']
        .concat('no-empty-function')
        .map((rule) => [`@typescript-eslint/${rule}`, 'off']),
    ),
  },
  { files: ['renderer/**'], languageOptions: { globals: globals.browser } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { globals: globals.browser, parserOptions: { parser: ts.parser, svelteConfig } },
    // state classes replace whole Maps and Sets ($state.raw); reactive ones would cost a proxy per entry
    rules: { 'svelte/prefer-svelte-reactivity': 'off' },
  },
  {
    // the parser does not see the types of callbacks in markup and takes them for `any`; svelte-check does see them
    files: ['**/*.svelte'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['*.js', '*.cjs', 'scripts/*.mjs'],
    extends: [ts.configs.disableTypeChecked],
    languageOptions: { globals: globals.node },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
);
