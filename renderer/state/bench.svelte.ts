/**
 * What can be done on the canvas, and what is open over it: the box for typing layers, the search, dialogs.
 * Owner: this page. Edits go through the draft, which keeps their way back; the rest is lost with the page.
 */
import {
  applyRepair,
  blockFault,
  followEdit,
  groupNodes,
  repeatFault,
  setRepeats,
  ungroup,
  type GraphDocument,
  type Point,
  type Repair,
} from '../../engine/index.ts';
import type { Spec } from '../../lab/contract/spec.ts';
import { connect, connectReason, disconnect, reconnect, removeNodes } from '../builder/edit.ts';
import { cut, insert, mostDrawn, parseFragment, printFragment, type Fragment, type Spot } from '../builder/fragment.ts';
import type { SpecNode } from '../builder/model.ts';
import { align } from '../builder/places.ts';
import { keepBlocks, keptBlocks, type KeptBlock } from '../builder/shelf.ts';
import { blockOfCard, type Block } from '../builder/view.ts';
import { plural } from '../format.ts';
import type { DraftState } from './draft.svelte.ts';
import type { NoticeState } from './notices.svelte.ts';
import { recall, remember } from './memory.ts';

/** What the panel beside the canvas is about. */
export type BenchTab = 'layer' | 'preview' | 'data' | 'training';
export type WireEnds = readonly [from: string, to: string];

/** What the canvas lends to actions that need its geometry. */
export interface CanvasHands {
  readonly fit: () => void;
  readonly zoom: (factor: number) => void;
  readonly show: (id: string) => void;
  readonly focus: (id: string) => void;
  /** Where the cards of these layers stand now. */
  readonly boxes: (ids: readonly string[]) => (Point & { id: string; width: number; height: number })[];
  /** Where all cards stand. */
  readonly places: () => ReadonlyMap<string, Point>;
}

/** What the palette offers: a layer, or a block of several. */
export interface Part {
  readonly title: string;
  readonly build: (shape: readonly number[] | null, classes: number) => Fragment;
  /** Its layers become a block of this name. */
  readonly block: boolean;
}

export class BenchState {
  /** The box in which layers are typed: where it stands, what it was opened with, and where its layers go. */
  typing = $state.raw<{
    at: { x: number; y: number } | null;
    text: string;
    spot: Spot;
    fits: readonly string[] | null;
  } | null>(null);
  tab = $state<BenchTab>('training');
  searching = $state(false);
  helping = $state(false);
  transforming = $state(false);
  paletteOpen = $state(
    recall('builder.palette') === undefined ? innerWidth >= 1240 : recall('builder.palette') === true,
  );
  /** The wire that is selected; layers and a wire never are at once. */
  wire = $state.raw<WireEnds | null>(null);
  /** What lies in our own clipboard where the system's cannot be read. */
  #copied = '';
  hands: CanvasHands | null = null;
  /** What is being dragged from the palette. */
  dragged = $state.raw<Part | null>(null);
  /** Asks the view to bring up the settings of what is selected, and to put the cursor there. */
  inspecting = $state(0);
  kept = $state.raw<readonly KeptBlock[]>(keptBlocks());

  readonly #draft: DraftState;
  readonly #notices: NoticeState;

  constructor(draft: DraftState, notices: NoticeState) {
    this.#draft = draft;
    this.#notices = notices;
  }

  togglePalette(): void {
    this.paletteOpen = !this.paletteOpen;
    remember('builder.palette', this.paletteOpen);
  }

  /** Layers of the selection that are drawn; what a switch has put in is not. */
  get selected(): readonly string[] {
    const drawn = new Set(this.#draft.spec?.model.nodes.map((node) => node.id));
    return this.#draft.selection.filter((id) => drawn.has(id));
  }

  get blocks(): readonly Block[] {
    return this.#draft.spec?.model.blocks ?? [];
  }

  /** The block all of whose selected layers are in, if there is one. */
  get block(): Block | null {
    const [first] = this.selected;
    if (first === undefined) return null;
    const block = this.blocks.find((each) => each.copies.flat().includes(first));
    const members = new Set(block?.copies.flat());
    return block && this.selected.every((id) => members.has(id)) ? block : null;
  }

  /** Edits the drawn model; blocks follow. A list of ids that `change` returns is selected afterwards. */
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- most edits return nothing and leave the selection alone
  edit(label: string, change: (model: Spec['model']) => readonly string[] | void, key = ''): void {
    const before = this.#draft.spec?.model;
    if (!before) return;
    let selection: readonly string[] | undefined;
    this.#draft.edit(
      key,
      (spec) => {
        selection = change(spec.model) ?? undefined;
        if (!spec.model.blocks?.length) return;
        const next = followEdit(before as unknown as GraphDocument, spec.model as unknown as GraphDocument);
        spec.model = { ...spec.model, ...structuredClone(next) } as Spec['model'];
        if (!next.blocks) delete spec.model.blocks;
      },
      label,
      selection,
    );
    if (selection !== undefined) this.#draft.select(selection);
  }

  insert(fragment: Fragment, spot: Spot, label: string, at?: Point, block?: string): readonly string[] {
    const model = this.#draft.spec?.model;
    if (!model) return [];
    if (model.nodes.length + fragment.nodes.length > mostDrawn) {
      this.#notices.complain(
        new Error(
          `The canvas takes at most ${mostDrawn.toLocaleString('en')} layers; this would be ${(model.nodes.length + fragment.nodes.length).toLocaleString('en')}. Nothing was added.`,
        ),
      );
      return [];
    }
    let ids: readonly string[] = [];
    const pin = at === undefined ? null : (this.hands?.places() ?? null);
    this.edit(label, (next) => {
      if (pin) pinAll(next, pin);
      const result = insert(next.nodes, fragment, spot);
      next.nodes = result.nodes;
      ids = result.ids;
      const first = next.nodes.find((node) => node.id === ids[0]);
      if (at && first) first.position = { x: Math.round(at.x), y: Math.round(at.y) };
      if (block !== undefined && ids.length > 1) {
        const grouped = groupNodes(next as unknown as GraphDocument, ids, block);
        if (grouped.blocks) next.blocks = structuredClone(grouped.blocks) as unknown as Spec['model']['blocks'];
      }
      return ids.slice(-1);
    });
    this.wire = null;
    const last = ids.at(-1);
    if (last !== undefined) queueMicrotask(() => this.hands?.show(last));
    return ids;
  }

  /** Puts a part of the palette where it belongs; blocks are made for the shape that they meet there. */
  put(part: Part, spot: Spot, at?: Point): void {
    const inspection = this.#draft.inspection;
    const from =
      spot === 'loose' || 'before' in spot
        ? undefined
        : 'wire' in spot
          ? spot.wire[0]
          : 'from' in spot
            ? spot.from
            : spot.after.at(-1);
    const shape = inspection?.nodes.find((node) => node.id === from)?.outputShape ?? null;
    const fragment = part.build(shape, this.#draft.dataset?.classes.length ?? 10);
    this.insert(fragment, spot, `Add ${part.title}`, at, part.block ? part.title : undefined);
  }

  /** Opens the box for typing at what is selected. */
  type(text = ''): void {
    this.typing = { at: null, text, spot: this.spot(), fits: null };
  }

  inspect(): void {
    this.inspecting++;
  }

  repair(repair: Repair): void {
    this.edit(repair.label, (model) => {
      const next = applyRepair(model as unknown as GraphDocument, repair);
      model.nodes = structuredClone(next.nodes) as unknown as SpecNode[];
    });
  }

  /** Keeps a block for later networks, in this browser. */
  keep(block: Block): void {
    const nodes = this.#draft.spec?.model.nodes;
    if (!nodes) return;
    const fragment = cut(nodes, block.copies[0] ?? []);
    this.kept = [...this.kept.filter((each) => each.title !== block.title), { title: block.title, fragment }];
    keepBlocks(this.kept);
    this.#notices.say(`“${block.title}” is in the palette now.`);
  }

  forget(title: string): void {
    const before = this.kept;
    this.kept = before.filter((each) => each.title !== title);
    keepBlocks(this.kept);
    this.#notices.say(`“${title}” is out of the palette.`, {
      label: 'Undo',
      perform: () => {
        this.kept = before;
        keepBlocks(before);
      },
    });
  }

  /** Where something typed or chosen from the palette goes now. */
  spot(): Spot {
    if (this.wire) return { wire: this.wire };
    if (this.selected.length > 0) return { after: this.selected };
    const end = this.#draft.inspection?.outputId;
    const last = this.#draft.spec?.model.nodes.at(-1)?.id;
    const id = end !== undefined && this.#draft.spec?.model.nodes.some((node) => node.id === end) ? end : last;
    return id === undefined ? 'loose' : { after: [id] };
  }

  remove(): void {
    if (this.wire) {
      const wire = this.wire;
      this.wire = null;
      this.edit(`Remove the wire ${wire[0]} → ${wire[1]}`, (model) => {
        model.nodes = disconnect(model.nodes, [wire]);
      });
      return;
    }
    this.removeNodes(this.selected);
  }

  removeNodes(ids: readonly string[]): void {
    const model = this.#draft.spec?.model;
    const gone = ids.filter((id) => model?.nodes.find((node) => node.id === id)?.layer !== 'input');
    if (!model || gone.length === 0) {
      if (ids.length > 0) this.#notices.say('The input stays: every network has one.');
      return;
    }
    const before = model.nodes.findIndex((node) => node.id === gone[0]);
    const next = model.nodes.slice(0, Math.max(0, before)).findLast((node) => !gone.includes(node.id))?.id;
    this.edit(`Remove ${gone.length === 1 ? gone[0]! : plural(gone.length, 'layer')}`, (draft) => {
      draft.nodes = removeNodes(draft.nodes, gone);
      return next === undefined ? [] : [next];
    });
    const what = gone.length === 1 ? `${gone[0]!} was` : `${plural(gone.length, 'layer')} were`;
    this.#notices.say(`${what} taken out.`, { label: 'Undo', perform: () => this.#draft.undo() });
    if (next !== undefined) queueMicrotask(() => this.hands?.focus(next));
  }

  connect(from: string, to: string): void {
    const nodes = this.#draft.spec?.model.nodes ?? [];
    const reason = connectReason(nodes, from, to);
    if (reason !== null) {
      this.#notices.complain(new Error(reason));
      return;
    }
    this.edit(`Connect ${from} → ${to}`, (model) => {
      model.nodes = connect(model.nodes, from, to);
    });
  }

  reconnect(wire: WireEnds, to: WireEnds): void {
    this.wire = null;
    this.edit(`Lead ${wire.join(' → ')} to ${to.join(' → ')}`, (model) => {
      model.nodes = reconnect(model.nodes, wire, to);
    });
  }

  disconnect(wire: WireEnds): void {
    this.wire = null;
    this.edit(`Remove the wire ${wire.join(' → ')}`, (model) => {
      model.nodes = disconnect(model.nodes, [wire]);
    });
  }

  selectAll(): void {
    this.wire = null;
    this.#draft.select(this.#draft.spec?.model.nodes.map((node) => node.id) ?? []);
  }

  async copy(): Promise<void> {
    const nodes = this.#draft.spec?.model.nodes;
    if (!nodes || this.selected.length === 0) return;
    this.#copied = printFragment(cut(nodes, this.selected));
    try {
      await navigator.clipboard.writeText(this.#copied);
    } catch {
      // a page without the right to the clipboard keeps it for itself
    }
    this.#notices.say(`${plural(this.selected.length, 'layer')} copied.`);
  }

  async cut(): Promise<void> {
    const ids = this.selected;
    await this.copy();
    this.removeNodes(ids);
  }

  async paste(): Promise<void> {
    let text = '';
    try {
      text = await navigator.clipboard.readText();
    } catch {
      // not allowed to read it: what was copied in this window is here all the same
    }
    this.pasteText(text || this.#copied);
  }

  pasteText(text: string): void {
    const result = parseFragment(text);
    if ('fault' in result) {
      this.#notices.complain(new Error(result.fault));
      return;
    }
    const { fragment } = result;
    const ids = this.insert(fragment, this.spot(), `Paste ${plural(fragment.nodes.length, 'layer')}`);
    this.#draft.select(ids);
  }

  duplicate(): void {
    const nodes = this.#draft.spec?.model.nodes;
    const chosen = this.selected.filter((id) => nodes?.find((node) => node.id === id)?.layer !== 'input');
    if (!nodes || chosen.length === 0) return;
    const fragment = cut(nodes, chosen);
    // behind the end of what is copied, so that the network grows by one more of it
    const read = new Set(fragment.nodes.flatMap((node) => node.inputs ?? []));
    const end = fragment.nodes.findLast((node) => !read.has(node.id)) ?? fragment.nodes.at(-1)!;
    const ids = this.insert(
      fragment,
      { after: [end.id] },
      `Duplicate ${chosen.length === 1 ? chosen[0]! : plural(chosen.length, 'layer')}`,
    );
    this.#draft.select(ids);
  }

  /** All places by hand go; the layout decides again. */
  tidy(): void {
    this.edit('Tidy the layout', (model) => {
      model.nodes = model.nodes.map(({ position: _position, ...node }) => node);
    });
    queueMicrotask(() => this.hands?.fit());
  }

  /** Cards have been moved by hand: from here on all keep their places. */
  move(moved: ReadonlyMap<string, Point>, label: string, key = ''): void {
    const places = this.hands?.places();
    if (!places) return;
    this.edit(
      label,
      (model) => {
        pinAll(model, new Map([...places, ...moved]));
      },
      key,
    );
  }

  align(how: Parameters<typeof align>[1]): void {
    const boxes = this.hands?.boxes(this.selected) ?? [];
    if (boxes.length > 1) this.move(align(boxes, how), 'Align layers');
  }

  group(): void {
    const model = this.#draft.spec?.model as unknown as GraphDocument | undefined;
    if (!model) return;
    const fault = blockFault(model, this.selected);
    if (fault !== undefined) {
      this.#notices.complain(new Error(fault));
      return;
    }
    const title = `Block ${this.blocks.length + 1}`;
    const ids = this.selected;
    this.edit(`Group ${plural(ids.length, 'layer')}`, (next) => {
      next.blocks = structuredClone(
        groupNodes(next as unknown as GraphDocument, ids, title).blocks,
      ) as unknown as Spec['model']['blocks'];
      return ids;
    });
  }

  ungroup(id: string): void {
    this.edit('Ungroup', (model) => {
      const { blocks } = ungroup(model as unknown as GraphDocument, id);
      if (blocks) model.blocks = structuredClone(blocks) as unknown as Spec['model']['blocks'];
      else delete model.blocks;
    });
  }

  setBlock(id: string, change: Partial<Pick<Block, 'title' | 'collapsed'>>): void {
    const key = change.title === undefined ? '' : `block ${id}`;
    this.edit(
      change.title !== undefined ? 'Rename the block' : change.collapsed ? 'Fold the block up' : 'Unfold the block',
      (model) => {
        model.blocks = model.blocks?.map((block) => (block.id === id ? { ...block, ...change } : block));
      },
      key,
    );
  }

  repeat(id: string, times: number): void {
    const model = this.#draft.spec?.model as unknown as GraphDocument | undefined;
    const now = this.blocks.find((block) => block.id === id)?.copies.length ?? 1;
    const fault = model && times > now ? repeatFault(model, id) : undefined;
    if (fault !== undefined) {
      this.#notices.complain(new Error(fault));
      return;
    }
    this.#draft.edit(
      '',
      (spec) => {
        const next = setRepeats(spec.model as unknown as GraphDocument, id, times);
        spec.model = { ...spec.model, ...structuredClone(next) } as Spec['model'];
      },
      `Repeat the block ${times} times`,
    );
  }

  /** A card was clicked: a layer, or a folded block, which stands for all its layers. */
  layersOf(card: string): readonly string[] {
    const block = blockOfCard(card);
    return block === null ? [card] : (this.blocks.find((each) => each.id === block)?.copies.flat() ?? []);
  }
}

function pinAll(model: Spec['model'], places: ReadonlyMap<string, Point>): void {
  model.nodes = model.nodes.map((node) => {
    const place = places.get(node.id);
    return place ? { ...node, position: { x: Math.round(place.x), y: Math.round(place.y) } } : node;
  });
}
