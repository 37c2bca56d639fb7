/** Layers of one's own for a stem: a chain, of which the first reads the image and the last is read by the network. Pure. */
import type { LayerName } from '../../engine/index.ts';
import { readLine } from '../builder/command.ts';
import { baseName, freshId } from '../builder/edit.ts';
import type { SpecNode } from '../builder/model.ts';

interface Part {
  readonly layer: LayerName;
  readonly props?: Readonly<Record<string, unknown>>;
}

/** The chain with these layers at its end. No name is one of `taken`, the network's own: it would take that layer's weights. */
export function withLayers(chain: readonly SpecNode[], parts: readonly Part[], taken: readonly SpecNode[]): SpecNode[] {
  const next = [...chain];
  for (const { layer, props } of parts) {
    const id = freshId([...taken, ...next], `stem_${baseName(layer)}`);
    next.push({ id, layer, ...(props && Object.keys(props).length > 0 && { props: { ...props } }) });
  }
  return next;
}

/** The same for layers as one types them: "conv 16 same bn relu pool". */
export function withTyped(
  chain: readonly SpecNode[],
  text: string,
  taken: readonly SpecNode[],
): { readonly chain: SpecNode[]; readonly fault: string | null } {
  const { layers, fault } = readLine(text);
  return fault === null ? { chain: withLayers(chain, layers, taken), fault } : { chain: [...chain], fault };
}

/** The chain with the layer at `from` at another place. */
export function moved(chain: readonly SpecNode[], from: number, to: number): SpecNode[] {
  const next = [...chain];
  const [node] = next.splice(from, 1);
  if (node) next.splice(to, 0, node);
  return next;
}

/** The nodes of a stem that the lab made, as a chain: who reads whom follows from their order. */
export const chainFrom = (nodes: readonly SpecNode[], stem: readonly string[]): SpecNode[] =>
  nodes
    .filter(({ id }) => stem.includes(id))
    .map(({ id, layer, props }) => ({ id, layer, ...(props && { props: { ...props } }) }));
