import { inputsOf, type GraphDocument, type NodeDocument } from './document.ts';

/** A node while a transform works on it: its inputs written out, and whether the document leaves them to the default. */
interface Entry {
  node: NodeDocument;
  inputs: readonly string[];
  /** The document leaves its inputs out. */
  readonly implicit: boolean;
}

/**
 * A document under edit. Nodes are put in and taken out with their readers reconnected; a node that left its inputs out
 * goes on doing so where "the node before" is still right, so that taking out what was put in gives the same document.
 */
export class GraphEdit {
  readonly #entries: Entry[];
  /** By id; the first one where an id is used twice. */
  readonly #byId = new Map<string, Entry>();
  readonly #readers = new Map<string, Set<Entry>>();

  constructor(document: GraphDocument) {
    const { nodes } = document;
    this.#entries = nodes.map((node, i) => ({
      node,
      inputs: inputsOf(nodes, i),
      implicit: node.inputs === undefined,
    }));
    for (const entry of this.#entries) {
      if (!this.#byId.has(entry.node.id)) this.#byId.set(entry.node.id, entry);
      this.#setInputs(entry, entry.inputs);
    }
  }

  get nodes(): readonly NodeDocument[] {
    return this.#entries.map(({ node }) => node);
  }

  node(id: string): NodeDocument | undefined {
    return this.#byId.get(id)?.node;
  }

  inputs(id: string): readonly string[] {
    return this.#byId.get(id)?.inputs ?? [];
  }

  isRead(id: string): boolean {
    return (this.#readers.get(id)?.size ?? 0) > 0;
  }

  /** The only node that reads `id`; undefined if there are none or several. */
  onlyReader(id: string): NodeDocument | undefined {
    const readers = this.#readers.get(id);
    if (readers?.size !== 1) return undefined;
    const [reader] = readers;
    return reader!.node;
  }

  /** Exchanges what a node says of itself; its id stays. */
  replace(id: string, change: (node: NodeDocument) => NodeDocument): void {
    const entry = this.#byId.get(id);
    if (entry !== undefined) entry.node = { ...change(entry.node), id };
  }

  /** Takes out a node that reads exactly one other; whoever read it reads that one. False if it cannot. */
  remove(id: string): boolean {
    const entry = this.#byId.get(id);
    if (entry?.inputs.length !== 1 || entry.inputs[0] === id) return false;
    const source = entry.inputs[0]!;
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#byId.delete(id);
    this.#setInputs(entry, []);
    this.#reconnect(id, source);
    return true;
  }

  /** Puts a node between `id` and the one node that it reads. */
  insertBefore(id: string, node: NodeDocument): void {
    const reader = this.#byId.get(id);
    if (reader?.inputs.length !== 1) return;
    this.#insert(this.#entries.indexOf(reader), { node, inputs: reader.inputs, implicit: reader.implicit });
    this.#setInputs(reader, [node.id]);
  }

  /** Puts a node between `id` and all that read it. */
  insertAfter(id: string, node: NodeDocument): void {
    const source = this.#byId.get(id);
    if (source === undefined) return;
    this.#reconnect(id, node.id);
    this.#insert(this.#entries.indexOf(source) + 1, { node, inputs: [id], implicit: true });
  }

  /** `wish`, or `wish2`, `wish3` ... if that is taken, here or by one of `others`. */
  freeId(wish: string, others: ReadonlySet<string>): string {
    let id = wish;
    for (let n = 2; this.#byId.has(id) || others.has(id); n++) id = `${wish}${n}`;
    return id;
  }

  document(): GraphDocument {
    const nodes: NodeDocument[] = [];
    for (const { node, inputs, implicit } of this.#entries) {
      const before = nodes.at(-1);
      const { inputs: _old, ...rest } = node;
      const byDefault = before === undefined || node.layer === 'input' ? [] : [before.id];
      const same = inputs.length === byDefault.length && inputs.every((id, i) => id === byDefault[i]);
      nodes.push(implicit && same ? rest : { ...rest, inputs });
    }
    return { nodes };
  }

  #insert(index: number, entry: Entry): void {
    this.#entries.splice(index, 0, entry);
    this.#byId.set(entry.node.id, entry);
    this.#setInputs(entry, entry.inputs);
  }

  #setInputs(entry: Entry, inputs: readonly string[]): void {
    for (const id of entry.inputs) this.#readers.get(id)?.delete(entry);
    entry.inputs = inputs;
    for (const id of inputs) {
      const readers = this.#readers.get(id);
      if (readers === undefined) this.#readers.set(id, new Set([entry]));
      else readers.add(entry);
    }
  }

  #reconnect(from: string, to: string): void {
    for (const entry of [...(this.#readers.get(from) ?? [])]) {
      this.#setInputs(
        entry,
        entry.inputs.map((id) => (id === from ? to : id)),
      );
    }
  }
}
