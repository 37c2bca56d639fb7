/**
 * Who may import whom: the one table. eslint (eslint.config.js, as you type) and dependency-cruiser
 * (.dependency-cruiser.cjs, over the whole tree) both read it, and test/rooms.test.ts plants bad imports to see that both
 * catch them. To move a wall, change the table and docs/architecture.md together.
 */

/** A folder at the top of the repository, or one file in it that lives under narrower rules than its folder. */
export interface Place {
  /** Folder with a slash at its end, or a file. The longest match counts. */
  readonly path: string;
  /** What it may import outside its own folder: files, or folders with a slash at the end. `'*'` is everything. */
  readonly imports: readonly string[];
  /** The same, for `import type` only. */
  readonly types: readonly string[];
  /** Files it may name in `new URL(..., import.meta.url)` to start a worker. */
  readonly urls: readonly string[];
  /** npm packages it may import; `'*'` is any. A value other than `'*'` is the only file that may. */
  readonly packages: Readonly<Record<string, string>>;
  /** Where it may use Node's own modules: everywhere, in files that end in `.node.ts`, or nowhere. */
  readonly node: 'everywhere' | 'node-files' | 'nowhere';
  /** Whether files say where they can run: bare `.ts` anywhere, `.node.ts` and `.web.ts` on one host. */
  readonly suffixes: boolean;
  /** False for what the product is not made of: nobody outside may import it. */
  readonly importable: boolean;
}

const closed = {
  imports: [],
  types: [],
  urls: [],
  packages: {},
  node: 'nowhere',
  suffixes: false,
  importable: true,
} as const satisfies Omit<Place, 'path'>;

const open = { ...closed, imports: ['*'], urls: ['*'], packages: { '*': '*' }, node: 'everywhere' } as const;

export const places: readonly Place[] = [
  { ...closed, path: 'engine/', packages: { webgpu: 'engine/host/gpu.node.ts' }, node: 'node-files', suffixes: true },
  {
    ...closed,
    path: 'lab/',
    imports: ['engine/index.ts'],
    packages: { zod: '*', '@bufbuild/protobuf': 'lab/exports/onnx/wire.ts' },
    suffixes: true,
  },
  {
    ...closed,
    path: 'db/',
    imports: ['lab/contract/', 'lab/spec/'],
    types: ['lab/ports.ts'],
    packages: { 'better-sqlite3': 'db/open.node.ts' },
    node: 'node-files',
    suffixes: true,
  },
  {
    ...closed,
    path: 'node/',
    imports: ['lab/', 'db/', 'engine/index.ts'],
    urls: ['engine/worker/entry.node.ts', 'engine/worker/gpuEntry.node.ts', 'engine/worker/selfTest.node.ts'],
    packages: { ws: '*', sirv: '*', zod: '*' },
    node: 'everywhere',
  },
  {
    ...closed,
    path: 'electron/',
    imports: ['node/compose.ts', 'node/home.ts', 'lab/contract/'],
    types: ['node/engineWorker.ts'],
    packages: { electron: '*' },
    node: 'everywhere',
  },
  // what runs inside the page's process, with Electron's bridge in its hands, stays small enough to read in one sitting
  { ...closed, path: 'electron/preload.ts', imports: ['electron/channels.ts'], packages: { electron: '*' } },
  { ...closed, path: 'electron/gpu/preload.ts', imports: ['electron/channels.ts'], packages: { electron: '*' } },
  {
    ...closed,
    path: 'electron/gpu/page.ts',
    imports: ['electron/channels.ts'],
    urls: ['engine/worker/entry.web.ts'],
  },
  {
    ...closed,
    path: 'renderer/',
    imports: ['lab/contract/', 'engine/index.ts'],
    packages: {
      svelte: '*',
      echarts: '*',
      '@xyflow/svelte': '*',
      '@lucide/svelte': '*',
      '@fontsource-variable/inter': '*',
      '@fontsource-variable/jetbrains-mono': '*',
    },
  },
  { ...open, path: 'bench/', importable: false },
  { ...open, path: 'test/', importable: false },
  { ...open, path: 'scripts/', importable: false },
];

/** The rooms themselves: every place that is a folder. */
export const rooms: readonly Place[] = places.filter((place) => place.path.endsWith('/'));

const covers = (pattern: string, path: string): boolean =>
  pattern === '*' || pattern === path || (pattern.endsWith('/') && path.startsWith(pattern));

/** The place a file belongs to; undefined for files at the top of the repository, which are only configuration. */
export function placeOf(file: string): Place | undefined {
  return places
    .filter((place) => covers(place.path, file))
    .sort((a, b) => b.path.length - a.path.length)
    .at(0);
}

/** Where a file can run, by its name: `node`, `web`, or both (`any`). */
export function hostOf(file: string): 'node' | 'web' | 'any' {
  return /\.node\.ts$/.test(file) ? 'node' : /\.web\.ts$/.test(file) ? 'web' : 'any';
}

/** One import: what is reached for, and how. Paths are relative to the repository, with forward slashes. */
export interface Import {
  readonly from: string;
  /** A file of this repository, `node:...`, or a package's name. */
  readonly to: { readonly file: string } | { readonly node: string } | { readonly package: string };
  readonly how: 'value' | 'type' | 'url';
}

/** Says what is wrong with an import and what would be allowed, or returns undefined when nothing is. */
export function fault(wish: Import): string | undefined {
  const place = placeOf(wish.from);
  if (!place) return undefined;
  if ('node' in wish.to) return nodeFault(place, wish.from, wish.to.node);
  if ('package' in wish.to) return packageFault(place, wish.from, wish.to.package, wish.how);
  return fileFault(place, wish.from, wish.to.file, wish.how);
}

function nodeFault(place: Place, from: string, name: string): string | undefined {
  if (place.node === 'everywhere' || (place.node === 'node-files' && hostOf(from) === 'node')) return undefined;
  const where =
    place.node === 'node-files' ? `only files that end in .node.ts may in ${place.path}` : 'nothing here may';
  return `${from} uses ${name}, but ${where}: this code must run in a browser too.`;
}

function packageFault(place: Place, from: string, name: string, how: Import['how']): string | undefined {
  const where = place.packages[name] ?? place.packages['*'];
  // a type leaves no trace in what runs, so only the package has to be among the allowed ones
  if (where !== undefined && (how === 'type' || covers(where, from))) return undefined;
  const names = Object.entries(place.packages).map(([key, only]) => (only === '*' ? key : `${key} (in ${only})`));
  return `${from} imports the package ${name}; ${place.path} may import ${list(names, 'no packages')}.`;
}

function fileFault(place: Place, from: string, to: string, how: Import['how']): string | undefined {
  const room = rooms.find((each) => covers(each.path, from));
  const target = rooms.find((each) => covers(each.path, to));
  const inside = room === target;
  if (!target) {
    return place.imports.includes('*')
      ? undefined
      : `${from} reaches for ${to}, which is in no room; configuration stays out of the product.`;
  }
  if (!inside && !target.importable && place.importable) {
    return `${from} imports ${to}; nothing of the product may import from ${target.path}.`;
  }
  const allowed = [...place.imports, ...(how === 'type' ? place.types : []), ...(how === 'url' ? place.urls : [])];
  const narrow = !place.path.endsWith('/');
  if (!(inside && !narrow) && !allowed.some((pattern) => covers(pattern, to))) {
    const types = place.types.map((path) => `types of ${path}`);
    const urls = place.urls.map((path) => `${path} by URL`);
    return `${from} imports ${to}; ${place.path} may import ${list([...place.imports, ...types, ...urls], 'nothing outside itself')}.`;
  }
  if (inside && place.suffixes && how === 'value' && hostOf(to) !== 'any' && hostOf(to) !== hostOf(from)) {
    return `${from} imports ${to}, which runs on one host only; a file that does so ends in .${hostOf(to)}.ts itself.`;
  }
  return undefined;
}

const list = (names: readonly string[], none: string): string => (names.length > 0 ? names.join(', ') : none);
