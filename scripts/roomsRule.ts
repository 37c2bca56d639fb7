/** The eslint half of rooms.ts: judges every import, re-export, `import()` and worker URL, in .ts and .svelte files. */
import { isBuiltin } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import type { Rule } from 'eslint';
import { fault, type Import } from '../rooms.ts';

/** What a specifier means, seen from a file of the repository; undefined where it cannot be told (not a literal path). */
export function target(from: string, specifier: string): Import['to'] | undefined {
  const bare = specifier.replace(/\?.*$/, '');
  if (bare.startsWith('.')) return { file: join(dirname(from), bare).split(sep).join('/') };
  if (bare.startsWith('/') || bare.startsWith('virtual:')) return undefined;
  if (isBuiltin(bare)) return { node: bare };
  const parts = bare.split('/');
  return { package: parts.slice(0, bare.startsWith('@') ? 2 : 1).join('/') };
}

type Listener = Required<Rule.NodeListener>;
type NodeOf<Name extends keyof Listener> = Parameters<Listener[Name]>[0];
type Statement = NodeOf<'ImportDeclaration' | 'ExportNamedDeclaration' | 'ExportAllDeclaration'>;

/** What TypeScript adds to the nodes that matter here. */
interface Typed {
  readonly importKind?: 'type' | 'value';
  readonly exportKind?: 'type' | 'value';
}
/** The part of a node that is looked at when it may be a specifier. */
interface Source {
  readonly type: string;
  readonly value?: unknown;
}

const isType = (node: Typed): boolean => node.importKind === 'type' || node.exportKind === 'type';

function isTypeOnly(node: Statement): boolean {
  if (isType(node as Typed)) return true;
  const specifiers = 'specifiers' in node ? (node.specifiers as readonly Typed[]) : [];
  return specifiers.length > 0 && specifiers.every(isType);
}

/** `new URL('...', import.meta.url)` is how a worker's file is named. */
function isModuleUrl(node: NodeOf<'NewExpression'>): boolean {
  const base = node.arguments[1];
  return (
    node.callee.type === 'Identifier' &&
    node.callee.name === 'URL' &&
    base?.type === 'MemberExpression' &&
    base.object.type === 'MetaProperty'
  );
}

export const roomsRule: Rule.RuleModule = {
  meta: { type: 'problem', schema: [], docs: { description: 'Imports follow rooms.ts.' } },
  create(context) {
    const from = relative(context.cwd, context.filename).split(sep).join('/');
    const judge = (node: Rule.Node, source: Source | null | undefined, how: Import['how']): void => {
      if (source?.type !== 'Literal' || typeof source.value !== 'string') return;
      if (how === 'url' && !/\.(ts|js|svelte)$/.test(source.value)) return; // a picture or a folder, not code
      const to = target(from, source.value);
      const message = to && fault({ from, to, how });
      if (message !== undefined) context.report({ node, message });
    };
    const statement = (node: Statement): void => {
      judge(node, node.source, isTypeOnly(node) ? 'type' : 'value');
    };
    return {
      ImportDeclaration: statement,
      ExportNamedDeclaration: statement,
      ExportAllDeclaration: statement,
      ImportExpression: (node) => {
        judge(node, node.source, 'value');
      },
      TSImportType: (node: Rule.Node & { source?: Source }) => {
        judge(node, node.source, 'type');
      },
      NewExpression: (node) => {
        if (isModuleUrl(node)) judge(node, node.arguments[0], 'url');
      },
    };
  },
};
