import type { Fault } from '../../errors.ts';
import type { GraphDocument, NodeDocument } from '../document.ts';
import { shortenInputs, writeInputs } from '../inputs.ts';
import type { CheckedGraph, CheckOptions } from '../check.ts';
import { candidates } from './candidates.ts';
import { freeId, type Repair } from './change.ts';

export interface RepairedFault extends Fault {
  readonly repairs: readonly Repair[];
}

/** Faults that get repairs; looking for them takes microseconds each, but a broken giant has thousands. */
const mostRepaired = 100;

/**
 * Every fault of a checked model with the changes that would take it away, the likeliest first; none where none is obvious.
 * A repair is only offered after the layer's own shape function has accepted what it leads to.
 */
export function withRepairs(document: GraphDocument, checked: CheckedGraph, options: CheckOptions): RepairedFault[] {
  const nodes = writeInputs(document.nodes);
  return checked.faults.map((fault, i) => ({
    ...fault,
    repairs: i < mostRepaired ? candidates(nodes, fault, checked, options) : [],
  }));
}

/** The document after a repair; one that no longer fits gives it back unchanged. */
export function applyRepair(document: GraphDocument, { change }: Repair): GraphDocument {
  const nodes = writeInputs(document.nodes);
  const done = (next: readonly NodeDocument[]): GraphDocument => ({ ...document, nodes: shortenInputs(next) });
  switch (change.kind) {
    case 'insert': {
      const at = nodes.findIndex((node) => node.id === change.from);
      if (at < 0) return document;
      const id = freeId(nodes, change.layer);
      const first = { id, layer: change.layer, inputs: [change.from], ...(change.props && { props: change.props }) };
      const added: (NodeDocument & { inputs: readonly string[] })[] = [first];
      if (change.then) {
        const { layer, props } = change.then;
        added.push({ id: freeId([...nodes, first], layer), layer, inputs: [id], ...(props && { props }) });
      }
      const end = added.at(-1)!.id;
      const next = nodes.map((node) =>
        node.id === change.to
          ? { ...node, inputs: node.inputs.map((each) => (each === change.from ? end : each)) }
          : node,
      );
      next.splice(at + 1, 0, ...added);
      return done(next);
    }
    case 'join': {
      const at = nodes.findIndex((node) => node.id === change.to);
      if (at < 0) return document;
      const id = freeId(nodes, change.layer);
      const next = nodes.map((node) => (node.id === change.to ? { ...node, inputs: [id] } : node));
      next.splice(at, 0, { id, layer: change.layer, inputs: nodes[at]!.inputs });
      return done(next);
    }
    case 'set':
      return done(nodes.map((node) => (node.id === change.node ? withProp(node, change.prop, change.value) : node)));
    case 'remove': {
      const gone = nodes.find((node) => node.id === change.node);
      if (gone === undefined) return document;
      const source = gone.inputs.filter((id) => id !== gone.id);
      return done(
        nodes
          .filter((node) => node !== gone)
          .map((node) => ({
            ...node,
            inputs: [...new Set(node.inputs.flatMap((id) => (id === gone.id ? source : [id])))],
          })),
      );
    }
    case 'disconnect':
      return done(
        nodes.map((node) =>
          node.id === change.node ? { ...node, inputs: node.inputs.filter((id) => id !== change.input) } : node,
        ),
      );
    case 'connect':
      return done(
        nodes.map((node) => (node.id === change.to ? { ...node, inputs: [...node.inputs, change.from] } : node)),
      );
    case 'rename':
      return done(nodes.map((node, place) => (place === change.place ? { ...node, id: change.id } : node)));
    case 'addInput': {
      const id = freeId(nodes, 'input');
      const next = nodes.map((node, place) =>
        place === 0 && node.inputs.length === 0 ? { ...node, inputs: [id] } : node,
      );
      return done([{ id, layer: 'input', inputs: [] }, ...next]);
    }
  }
}

function withProp<N extends NodeDocument>(node: N, name: string, value: unknown): N {
  const { [name]: _old, ...others } = node.props ?? {};
  const props = value === undefined ? others : { ...others, [name]: value };
  const { props: _props, ...rest } = node;
  return (Object.keys(props).length > 0 ? { ...rest, props } : rest) as N;
}
