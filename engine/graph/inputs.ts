import { inputsOf, type NodeDocument } from './document.ts';

/** All inputs written out, so that the list can be changed without changing who reads whom. */
export function writeInputs<N extends NodeDocument>(
  nodes: readonly N[],
): (N & { readonly inputs: readonly string[] })[] {
  return nodes.map((node, i) => ({ ...node, inputs: inputsOf(nodes, i) }));
}

/** Inputs left out again where they are the node before in the list. */
export function shortenInputs<N extends NodeDocument>(nodes: readonly N[]): N[] {
  return nodes.map((node, i) => {
    if (node.inputs === undefined) return node;
    const before = i > 0 && node.layer !== 'input' ? [nodes[i - 1]!.id] : [];
    if (node.inputs.length !== before.length || node.inputs.some((id, k) => id !== before[k])) return node;
    const { inputs: _inputs, ...rest } = node;
    return rest as N;
  });
}

/** Whether `to` depends on `from`, directly or through others. */
export function reaches(nodes: readonly NodeDocument[], from: string, to: string): boolean {
  const inputs = new Map(nodes.map((node, i) => [node.id, inputsOf(nodes, i)]));
  const seen = new Set<string>();
  const open = [to];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === from) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...(inputs.get(id) ?? []));
  }
  return false;
}
