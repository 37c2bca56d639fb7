import { declarationsOf, joinDeclarations } from './declarations.ts';
import type { GpuLimits } from './device.ts';
import type { GpuArray, GpuDispatch } from './kernel.ts';
import type { GpuView } from './memory.ts';

/** Invocations up to which a dispatch leaves most of a device idle: it had better run beside another one. */
const smallInvocations = 32_768;

/** An array and how a dispatch uses it. */
interface Use {
  readonly view: GpuView;
  readonly writes: boolean;
}

/** Several dispatches that do not wait for each other, as one. */
interface Stage {
  dispatch: GpuDispatch;
  readonly uses: Use[];
}

const arraysOf = (record: Readonly<Record<string, GpuArray | undefined>> | undefined): GpuArray[] =>
  Object.values(record ?? {}).filter((array) => array !== undefined);

function usesOf({ read, write, update, atomic }: GpuDispatch): Use[] {
  const reads = arraysOf(read).map(({ view }) => ({ view, writes: false }));
  const writes = [write, update, atomic].flatMap(arraysOf).map(({ view }) => ({ view, writes: true }));
  return [...reads, ...writes];
}

const overlap = (a: GpuView, b: GpuView): boolean =>
  a.buffer === b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

const conflict = (a: readonly Use[], b: readonly Use[]): boolean =>
  a.some((one) => b.some((other) => (one.writes || other.writes) && overlap(one.view, other.view)));

/**
 * Dispatches wait for each other one by one, and a small one leaves most of a device idle meanwhile. So a dispatch that needs
 * nothing of some before it joins one of those, if one of both is small: the first workgroups do the one's work, the others the
 * other's. `emit` is written out by then. Nobody's sums change.
 */
export function mergeIndependent(dispatches: readonly GpuDispatch[], limits: GpuLimits): GpuDispatch[] {
  const stages: Stage[] = [];
  for (const dispatch of dispatches) {
    const uses = usesOf(dispatch);
    let joined = false;
    for (let at = stages.length - 1; at >= 0 && !joined; at--) {
      const stage = stages[at]!;
      if (conflict(stage.uses, uses)) break;
      const merged = merge(stage.dispatch, dispatch, limits);
      if (merged === undefined) continue;
      stage.dispatch = merged;
      stage.uses.push(...uses);
      joined = true;
    }
    if (!joined) stages.push({ dispatch, uses });
  }
  return stages.map(({ dispatch }) => dispatch);
}

const invocationsOf = ({ threads, groups }: GpuDispatch): number => threads * groups;

function merge(first: GpuDispatch, second: GpuDispatch, limits: GpuLimits): GpuDispatch | undefined {
  if (first.threads !== second.threads || first.atomic !== undefined || second.atomic !== undefined) return undefined;
  if (Math.min(invocationsOf(first), invocationsOf(second)) > smallInvocations) return undefined;
  const views = new Set(
    [first, second].flatMap(usesOf).map(({ view: { buffer, offset, bytes } }) => `${buffer} ${offset} ${bytes}`),
  );
  if (views.size > limits.maxStorageBuffersPerShaderStage) return undefined;
  const other = renamed(second, `then${first.label.split(' | ').length}_`, first);
  const functions = joinDeclarations([first.functions ?? '', other.functions ?? '']);
  if (workgroupBytes(functions) > limits.maxComputeWorkgroupStorageSize / 2) return undefined;
  return {
    label: `${first.label} | ${second.label}`,
    read: { ...first.read, ...other.read },
    write: { ...first.write, ...other.write },
    update: { ...first.update, ...other.update },
    functions,
    threads: first.threads,
    groups: first.groups + second.groups,
    body: `
  if (group < ${first.groups}u) {
${first.body}
  } else {
  let then_group = group - ${first.groups}u;
  {
  let group = then_group;
${other.body}
  }
  }`,
  };
}

/** The dispatch with other names for its arrays, and for functions that mean something else in the one it joins. */
function renamed(dispatch: GpuDispatch, prefix: string, beside: GpuDispatch): GpuDispatch {
  const { read, write, update, functions = '', body } = dispatch;
  const arrays = [read, write, update].flatMap((record) => Object.keys(record ?? {}));
  // A function that reads arrays means other ones here, also where its text is the same.
  const declared = declarationsOf(functions);
  const mentions = (text: string, names: readonly string[]): boolean =>
    names.some((name) => new RegExp(`\\b${name}\\b`).test(text));
  const changing = new Set(arrays);
  const known = declarationsOf(beside.functions ?? '');
  for (let size = -1; size !== changing.size;) {
    size = changing.size;
    for (const [name, text] of declared) {
      if (changing.has(name)) continue;
      const isOther = known.has(name) && known.get(name) !== text;
      if (isOther || mentions(text, [...changing])) changing.add(name);
    }
  }
  const pattern = new RegExp(`(?<![.\\w])(${[...changing].join('|')})\\b`, 'g');
  const rename = (text: string): string => (changing.size === 0 ? text : text.replace(pattern, `${prefix}$1`));
  const keys = (record: typeof read): typeof read =>
    record && Object.fromEntries(Object.entries(record).map(([name, array]) => [`${prefix}${name}`, array]));
  return {
    ...dispatch,
    ...(read && { read: keys(read) }),
    ...(write && { write: keys(write) }),
    ...(update && { update: keys(update) }),
    functions: rename(functions),
    body: rename(body),
  };
}

const bytesOfType: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, vec2f: 8, vec4f: 16 };

/** Bytes of workgroup memory that WGSL declares. */
export function workgroupBytes(functions: string): number {
  return [...functions.matchAll(/var<workgroup> \w+: array<(\w+), (\d+)>/g)].reduce(
    (sum, [, type, count]) => sum + (bytesOfType[type!] ?? 16) * Number(count),
    0,
  );
}
