import { usage, type Arguments } from './args.ts';

/** Options that name stored weights to start from. */
export const startOptions = {
  from: {
    value: 'source',
    help: 'Start from the weights of a run, group (each seed from its own) or architecture: id[:best|:last], name@version',
  },
  map: { value: 'here=there', multiple: true, help: 'A node takes the weights of one with another id' },
  fresh: { value: 'node', multiple: true, help: 'A node draws new weights all the same' },
} as const;

/** The spec document with what the options say about its start. */
export function withStart(document: unknown, args: Arguments): unknown {
  const from = args.text('from');
  const map = Object.fromEntries(args.texts('map').map(pairOf));
  const fresh = args.texts('fresh');
  if (from === undefined && Object.keys(map).length === 0 && fresh.length === 0) return document;
  // what is no object the check of the spec tells about
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document;
  const { start: given } = document as { start?: Partial<Record<'map' | 'fresh', unknown>> | null };
  if (from === undefined && !given) throw usage('--map and --fresh need --from, which says where the weights lie.');
  const before = typeof given === 'object' && given !== null ? given : {};
  return {
    ...document,
    start: {
      ...before,
      ...(from !== undefined && { from, weights: null }),
      ...(Object.keys(map).length > 0 && { map: { ...(before.map as object | undefined), ...map } }),
      ...(fresh.length > 0 && { fresh: [...((before.fresh as string[] | undefined) ?? []), ...fresh] }),
    },
  };
}

function pairOf(text: string): [string, string] {
  const equals = text.indexOf('=');
  const pair: [string, string] = [text.slice(0, equals).trim(), text.slice(equals + 1).trim()];
  if (equals > 0 && pair[0] !== '' && pair[1] !== '') return pair;
  throw usage(`--map takes here=there, the ids of two nodes, not "${text}".`);
}
