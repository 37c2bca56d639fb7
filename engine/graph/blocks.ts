import type { BlockDocument, GraphDocument, NodeDocument } from './document.ts';
import { shortenInputs, writeInputs } from './inputs.ts';

/**
 * Blocks: parts of a model that are named, folded up and repeated as one. Their nodes stay plain nodes, so shapes, parameters,
 * training and export know nothing of them. The copies of a repeated block stay alike: what is changed in one is changed in all.
 */

type Wired = NodeDocument & { readonly inputs: readonly string[] };

/** Why these nodes cannot be one block, in a sentence; undefined if they can. */
export function blockFault({ nodes, blocks = [] }: GraphDocument, ids: readonly string[]): string | undefined {
  const chosen = new Set(ids);
  if (chosen.size === 0) return 'Select the layers that are to become a block.';
  const list = writeInputs(nodes);
  if (list.some((node) => chosen.has(node.id) && node.layer === 'input')) return 'The input cannot be part of a block.';
  const other = blocks.find((block) => block.copies.flat().some((id) => chosen.has(id)));
  if (other !== undefined) return `Some of these layers are part of the block “${other.title}”; ungroup it first.`;
  // a path that leaves the block and comes back would make a loop of the folded block
  const outside = new Set<string>();
  for (const node of inOrder(list)) {
    const fromBlock = node.inputs.some((id) => chosen.has(id) || outside.has(id));
    if (!chosen.has(node.id)) {
      if (fromBlock) outside.add(node.id);
    } else {
      const back = node.inputs.find((id) => outside.has(id));
      if (back !== undefined)
        return `${node.id} reads ${back}, which depends on the block itself; add it to the selection.`;
    }
  }
  return undefined;
}

/** The document with one more block. Throws nothing: a selection with a fault gives the document back. */
export function groupNodes(document: GraphDocument, ids: readonly string[], title: string): GraphDocument {
  if (blockFault(document, ids) !== undefined) return document;
  const chosen = new Set(ids);
  const members = inOrder(writeInputs(document.nodes))
    .filter((node) => chosen.has(node.id))
    .map((node) => node.id);
  const block: BlockDocument = { id: freeBlockId(document, title), title, copies: [members] };
  return { ...document, blocks: [...(document.blocks ?? []), block] };
}

/** Nodes stay, the block goes. */
export function ungroup(document: GraphDocument, block: string): GraphDocument {
  return withBlocks(
    document,
    (document.blocks ?? []).filter((each) => each.id !== block),
  );
}

/** A name for a block's id: letters, digits and "_" of its title, and a number if that is taken. */
export function freeBlockId({ nodes, blocks = [] }: GraphDocument, title: string): string {
  const base =
    title
      .replace(/[^\p{L}\p{N}]+/gu, '_')
      .replace(/^_+|_+$/g, '')
      .slice(0, 40) || 'block';
  const taken = (id: string): boolean =>
    blocks.some((each) => each.id === id) || nodes.some((node) => node.id.startsWith(`${id}_`));
  let id = base;
  for (let n = 2; taken(id); n++) id = `${base}${n}`;
  return id;
}

/** Where a copy is entered and left: what it reads outside, and its one node that is read outside. */
function ends(list: readonly Wired[], copy: readonly string[]): { sources: string[]; exits: string[] } {
  const own = new Set(copy);
  const sources = new Set<string>();
  const exits = new Set<string>();
  const read = new Set<string>();
  for (const node of list) {
    for (const id of node.inputs) {
      if (own.has(node.id) && !own.has(id)) sources.add(id);
      if (!own.has(node.id) && own.has(id)) exits.add(id);
      if (own.has(node.id)) read.add(id);
    }
  }
  if (exits.size === 0) for (const id of copy) if (!read.has(id)) exits.add(id);
  return { sources: [...sources], exits: [...exits] };
}

/** Why a block cannot be repeated; undefined if it can. */
export function repeatFault(document: GraphDocument, id: string): string | undefined {
  const block = document.blocks?.find((each) => each.id === id);
  if (block === undefined) return 'There is no such block.';
  const { sources, exits } = ends(writeInputs(document.nodes), block.copies.at(-1)!);
  if (sources.length !== 1)
    return `“${block.title}” reads ${sources.length} layers outside; one that is repeated reads one.`;
  if (exits.length !== 1)
    return `“${block.title}” is left at ${exits.length} places (${exits.join(', ')}); one that is repeated has one end.`;
  return undefined;
}

export const mostRepeats = 64;

/** The block `times` times, one behind the other. New nodes are called "<block>_<number>.<node>". */
export function setRepeats(document: GraphDocument, id: string, times: number): GraphDocument {
  const block = document.blocks?.find((each) => each.id === id);
  const wanted = Math.min(mostRepeats, Math.max(1, Math.round(times)));
  if (block === undefined || (wanted > block.copies.length && repeatFault(document, id) !== undefined)) return document;
  let list: Wired[] = writeInputs(document.nodes);
  const copies = [...block.copies];
  while (copies.length > wanted) {
    const gone = new Set(copies.pop());
    const { sources, exits } = ends(list, [...gone]);
    list = list
      .filter((node) => !gone.has(node.id))
      .map((node) => ({ ...node, inputs: node.inputs.map((each) => (exits.includes(each) ? sources[0]! : each)) }));
  }
  while (copies.length < wanted) {
    const last = copies.at(-1)!;
    const { sources, exits } = ends(list, last);
    const [source, exit] = [sources[0]!, exits[0]!];
    const names = new Map(last.map((each, i) => [each, copyName(list, block, copies.length + 1, copies[0]![i]!)]));
    const at = Math.max(...last.map((each) => list.findIndex((node) => node.id === each)));
    const fresh = list
      .filter((node) => names.has(node.id))
      .map(({ position: _position, ...node }) => ({
        ...node,
        id: names.get(node.id)!,
        inputs: node.inputs.map((each) => names.get(each) ?? (each === source ? exit : each)),
      }));
    const own = new Set(last);
    list = list.map((node) =>
      own.has(node.id)
        ? node
        : { ...node, inputs: node.inputs.map((each) => (each === exit ? names.get(exit)! : each)) },
    );
    list.splice(at + 1, 0, ...fresh);
    copies.push(last.map((each) => names.get(each)!));
  }
  const blocks = document.blocks!.map((each) => (each.id === id ? { ...block, copies } : each));
  return { ...document, nodes: shortenInputs(list), blocks };
}

function copyName(list: readonly Wired[], block: BlockDocument, number: number, member: string): string {
  const bare = member.includes('.') ? member.slice(member.lastIndexOf('.') + 1) : member;
  const base = `${block.id}_${number}.${bare}`.slice(-76);
  let id = base;
  for (let n = 2; list.some((node) => node.id === id); n++) id = `${base}_${n}`;
  return id;
}

/**
 * Blocks after an edit of the nodes: members that are gone are forgotten, what was inserted between members joins them, and
 * what was changed in one copy of a repeated block is changed in all of them. Blocks without members go.
 */
export function followEdit(before: GraphDocument, after: GraphDocument): GraphDocument {
  const blocks = after.blocks ?? [];
  if (blocks.length === 0) return after;
  const old = new Map(writeInputs(before.nodes).map((node) => [node.id, node]));
  let list: Wired[] = writeInputs(after.nodes);
  const next: BlockDocument[] = [];
  const taken = new Set<string>();
  for (const block of blocks) {
    const copies = block.copies.map((copy) => membersNow(copy, list, old, taken));
    const known = before.blocks?.find((each) => each.id === block.id);
    const changed = copies.flatMap((copy, i) => (isChanged(known?.copies[i], copy, old, list) ? [i] : []));
    let kept = copies;
    if (
      changed.length === 1 &&
      copies.length > 1 &&
      known?.copies.length === copies.length &&
      copies[changed[0]!]!.length > 0
    ) {
      [list, kept] = spread(block, list, known.copies, copies, changed[0]!);
    }
    kept = kept.filter((copy) => copy.length > 0);
    // copies that no longer correspond are one part that is not repeated
    if (kept.some((copy) => copy.length !== kept[0]!.length)) kept = [kept.flat()];
    for (const id of kept.flat()) taken.add(id);
    if (kept.length > 0) next.push({ ...block, copies: kept });
  }
  return withBlocks({ ...after, nodes: shortenInputs(list) }, next);
}

/** The members that are still there, and the new nodes that stand between them. */
function membersNow(
  copy: readonly string[],
  list: readonly Wired[],
  old: ReadonlyMap<string, Wired>,
  taken: ReadonlySet<string>,
): string[] {
  const own = new Set(copy.filter((id) => list.some((node) => node.id === id)));
  for (let grown = true; grown;) {
    grown = false;
    for (const node of list) {
      if (own.has(node.id) || old.has(node.id) || taken.has(node.id) || node.inputs.length === 0) continue;
      const readers = list.filter((each) => each.inputs.includes(node.id));
      if (readers.length > 0 && [...node.inputs, ...readers.map(({ id }) => id)].every((id) => own.has(id))) {
        own.add(node.id);
        grown = true;
      }
    }
  }
  const fresh = [...own].some((id) => !copy.includes(id));
  return fresh ? list.filter(({ id }) => own.has(id)).map(({ id }) => id) : copy.filter((id) => own.has(id));
}

function isChanged(
  before: readonly string[] | undefined,
  now: readonly string[],
  old: ReadonlyMap<string, Wired>,
  list: readonly Wired[],
): boolean {
  if (before === undefined) return false;
  if (before.length !== now.length || before.some((id, i) => id !== now[i])) return true;
  const own = new Set(now);
  const text = (node: Wired | undefined): string =>
    JSON.stringify([node?.layer, node?.props ?? {}, node?.inputs.filter((id) => own.has(id))]);
  return now.some((id) => text(old.get(id)) !== text(list.find((node) => node.id === id)));
}

/** Makes all copies like copy `model`. Counterparts keep their ids. */
function spread(
  block: BlockDocument,
  nodes: readonly Wired[],
  before: readonly (readonly string[])[],
  copies: readonly (readonly string[])[],
  model: number,
): [Wired[], string[][]] {
  let list = [...nodes];
  const pattern = copies[model]!;
  const result: string[][] = [];
  copies.forEach((copy, k) => {
    if (k === model) {
      result.push([...pattern]);
      return;
    }
    const modelEnds = ends(list, pattern);
    const copyEnds = ends(list, copy);
    const names = new Map<string, string>();
    for (const id of pattern) {
      const place = before[model]!.indexOf(id);
      const counterpart = place >= 0 ? before[k]![place] : undefined;
      const free =
        counterpart !== undefined && !names.has(counterpart) ? counterpart : copyName(list, block, k + 1, id);
      names.set(id, [...names.values()].includes(free) ? `${free}_` : free);
    }
    const known = new Map(list.map((node) => [node.id, node]));
    const source = copyEnds.sources[0];
    const fresh = pattern.map((id): Wired => {
      const node = known.get(id)!;
      const { position: _position, title: _title, ...rest } = node;
      const own = known.get(names.get(id)!);
      return {
        ...rest,
        ...(own?.position && { position: own.position }),
        ...(own?.title !== undefined && { title: own.title }),
        id: names.get(id)!,
        inputs: node.inputs.map((each) => names.get(each) ?? (modelEnds.sources[0] === each ? (source ?? each) : each)),
      };
    });
    const exit = names.get(modelEnds.exits[0] ?? '') ?? fresh.at(-1)!.id;
    const gone = new Set(copy);
    const first = list.findIndex((node) => gone.has(node.id));
    const rest: Wired[] = list
      .filter((node) => !gone.has(node.id))
      .map((node) => ({ ...node, inputs: node.inputs.map((each) => (copyEnds.exits.includes(each) ? exit : each)) }));
    rest.splice(
      first < 0 ? rest.length : list.slice(0, first).filter((node) => !gone.has(node.id)).length,
      0,
      ...fresh,
    );
    list = rest;
    result.push(pattern.map((id) => names.get(id)!));
  });
  return [list, result];
}

/** Inputs before readers as far as that is possible; nodes on cycles come last, in list order. */
function inOrder(list: readonly Wired[]): Wired[] {
  const byId = new Map(list.map((node) => [node.id, node]));
  const state = new Map<string, 'open' | 'done'>();
  const order: Wired[] = [];
  for (const start of list) {
    const stack: [Wired, number][] = [[start, 0]];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const [node, next] = top;
      if (next === 0 && state.has(node.id)) {
        stack.pop();
        continue;
      }
      state.set(node.id, 'open');
      const input = node.inputs[next];
      if (input === undefined) {
        state.set(node.id, 'done');
        order.push(node);
        stack.pop();
        continue;
      }
      top[1]++;
      const source = byId.get(input);
      if (source !== undefined && !state.has(input)) stack.push([source, 0]);
    }
  }
  return order;
}

function withBlocks(document: GraphDocument, blocks: readonly BlockDocument[]): GraphDocument {
  const { blocks: _old, ...rest } = document;
  return blocks.length > 0 ? { ...rest, blocks } : rest;
}
