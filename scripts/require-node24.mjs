// Ends with 1 unless this is Node 24 or newer. Plain JavaScript on purpose: the Node that has to be refused cannot read
// TypeScript. Runs after every install and before the long scripts, because an old Node fails much later and in ways that
// do not name the cause (a native package may simply crash).
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `Ablate runs on Node 24, but \`node\` is ${process.versions.node} here. ` +
      'The package "node" puts Node 24 into node_modules/.bin with an install script: ' +
      'run `npm ci` again with install scripts allowed (no --ignore-scripts), and start things with `npm run` or `npx`.',
  );
  process.exit(1);
}
