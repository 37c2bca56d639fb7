/**
 * `npm run rooms`: dependency-cruiser over all rooms. On its own that tool calls a tree in which it understood nothing a
 * success, so this asks that it saw files in every room that has any.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { rooms } from '../rooms.ts';

export interface Verdict {
  /** Number of files of each room that were looked into. */
  readonly modules: Readonly<Record<string, number>>;
  /** One line each. */
  readonly violations: readonly string[];
}

/** Judges the tree below `root`, which has the layout of this repository, by the walls of rooms.ts. */
export async function cruiseRooms(root: string): Promise<Verdict> {
  const repository = join(import.meta.dirname, '..');
  const config = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as {
    forbidden: NonNullable<ICruiseOptions['ruleSet']>['forbidden'];
    options: ICruiseOptions & { enhancedResolveOptions: Record<string, unknown> };
  };
  const { enhancedResolveOptions, ...options } = config.options;
  const folders = rooms.map((room) => room.path.slice(0, -1)).filter((folder) => hasCode(join(root, folder)));
  const tsConfig = join(repository, 'tsconfig.base.json');
  const { output } = await cruise(
    folders,
    {
      ...options,
      tsConfig: { fileName: tsConfig },
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: config.forbidden ?? [] },
    },
    enhancedResolveOptions,
    { tsConfig: extractTSConfig(tsConfig) },
  );
  const { modules, summary } = output as ICruiseResult;
  const inside = modules.filter((module) => module.coreModule !== true && !module.source.includes('node_modules/'));
  return {
    modules: Object.fromEntries(
      folders.map((folder) => [folder, inside.filter((module) => module.source.startsWith(`${folder}/`)).length]),
    ),
    violations: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  };
}

const hasCode = (folder: string): boolean =>
  existsSync(folder) && readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.ts'));

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { modules, violations } = await cruiseRooms(join(import.meta.dirname, '..'));
  for (const line of violations) console.error(line);
  const blind = Object.keys(modules).filter((room) => modules[room] === 0);
  if (blind.length > 0) console.error(`No file was seen in ${blind.join(', ')}: the check itself is broken.`);
  const counts = Object.entries(modules).map(([room, count]) => `${room} ${count}`);
  console.log(`Rooms: ${violations.length} bad imports in ${counts.join(', ')} files`);
  process.exitCode = violations.length + blind.length > 0 || counts.length === 0 ? 1 : 0;
}
