// The walls of rooms.ts, over the whole tree, plus what only a whole-tree view can see: cycles and dead ends.
// (`require` of a .ts file: Node 24, which this tool is always run with.)
const { places, rooms } = require('./rooms.ts');

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const startOf = (path) => (path.endsWith('/') ? `^${escape(path)}` : `^${escape(path)}$`);
const anyRoom = `^(${rooms.map((room) => escape(room.path.slice(0, -1))).join('|')})/`;
const id = (place) => place.path.replace(/\/$/, '').replaceAll('/', '-');
/** Places below this one that have their own rules. */
const narrower = (place) =>
  places.filter((each) => each !== place && each.path.startsWith(place.path)).map((each) => startOf(each.path));

function wallsOf(place) {
  const walls = [];
  const from = { path: startOf(place.path), pathNot: narrower(place) };
  const wall = (name, to, more = {}) =>
    walls.push({ name: `${id(place)}-${name}`, severity: 'error', from: { ...from, ...more }, to });
  if (!place.imports.includes('*')) {
    const inside = place.path.endsWith('/') ? [startOf(place.path)] : [];
    const allowed = [...inside, ...place.imports.map(startOf)];
    // a type-only dependency is asked separately, because it may reach further
    const types = place.types.map(startOf);
    wall('may-not-import', { path: anyRoom, pathNot: [...allowed, ...types] });
    if (types.length > 0) {
      wall('types-only', { path: types, pathNot: allowed, dependencyTypesNot: ['type-only'] });
    }
  }
  const packages = Object.entries(place.packages);
  if (!('*' in place.packages)) {
    const folders = packages.map(([name]) => `(^|/)node_modules/(@types/)?${escape(name)}/`);
    wall('packages', { path: '(^|/)node_modules/', pathNot: folders });
  }
  for (const [name, only] of packages) {
    if (only === '*') continue;
    wall(
      `${name}-in-one-file`,
      { path: `(^|/)node_modules/(@types/)?${escape(name)}/`, dependencyTypesNot: ['type-only'] },
      { pathNot: [...from.pathNot, startOf(only)] },
    );
  }
  if (place.node === 'nowhere') wall('no-node', { dependencyTypes: ['core'] });
  if (place.node === 'node-files') {
    wall('node-in-node-files', { dependencyTypes: ['core'] }, { pathNot: [...from.pathNot, '\\.node\\.ts$'] });
  }
  if (place.suffixes) {
    const hosts = { node: '\\.node\\.ts$', web: '\\.web\\.ts$' };
    for (const [host, suffix] of Object.entries(hosts)) {
      wall(
        `${host}-files`,
        { path: suffix, dependencyTypesNot: ['type-only'] },
        { pathNot: [...from.pathNot, suffix] },
      );
    }
  }
  return walls;
}

module.exports = {
  forbidden: [
    ...places.flatMap(wallsOf),
    {
      name: 'tests-are-not-imported',
      severity: 'error',
      from: { pathNot: rooms.filter((room) => !room.importable).map((room) => startOf(room.path)) },
      to: { path: rooms.filter((room) => !room.importable).map((room) => startOf(room.path)) },
    },
    {
      name: 'no-cycles',
      comment: 'Type-only imports leave no trace in what runs, so they cannot close a cycle.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'shipped-code-needs-shipped-packages',
      comment: 'What the Node host loads from node_modules must be a dependency, or the packed app lacks it.',
      severity: 'error',
      from: { path: '^(engine|lab|db|node|electron)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg'],
        dependencyTypesNot: ['type-only'],
        pathNot: ['node_modules/electron/'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(out|dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.svelte', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'svelte', 'types'],
    },
  },
};
