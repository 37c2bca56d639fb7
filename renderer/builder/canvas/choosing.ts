/** Cards that are selected or moved, by the mouse and by the keyboard. */
import type { Point } from '../../../engine/index.ts';
import { typing } from '../../actions/shortcuts.ts';
import { neighbour } from '../walk.ts';
import type { CanvasState } from './canvasState.svelte.ts';
import type { Viewport } from './viewport.ts';

/** Called from an effect of the canvas, which must not follow what is read here. */
export function selectionChanged({ app }: CanvasState, nodes: readonly { id: string }[]): void {
  const { draft, bench } = app;
  const next = nodes.flatMap((node) => bench.layersOf(node.id));
  const now = new Set(draft.selection);
  if (next.length === now.size && next.every((id) => now.has(id))) return;
  const wanted = new Set(next);
  draft.select([...draft.selection.filter((id) => wanted.has(id)), ...next.filter((id) => !now.has(id))]);
  if (next.length > 0) bench.wire = null;
}

export function dragStopped(canvas: CanvasState, nodes: readonly { id: string; position: Point }[]): void {
  const { bench } = canvas.app;
  const places = canvas.layerPlaces();
  const moves = new Map<string, Point>();
  for (const node of nodes) {
    const before = canvas.layout?.nodes.get(node.id);
    if (!before || (before.x === node.position.x && before.y === node.position.y)) continue;
    for (const id of bench.layersOf(node.id)) {
      const place = places.get(id);
      if (place) moves.set(id, place);
    }
  }
  if (moves.size > 0)
    bench.move(moves, moves.size === 1 ? `Move ${[...moves.keys()][0]!}` : `Move ${moves.size} layers`);
}

const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};

function nudge(canvas: CanvasState, arrow: string, by: number): void {
  const { bench } = canvas.app;
  const [dx, dy] = arrows[arrow] ?? [0, 0];
  const places = canvas.layerPlaces();
  const moves = new Map<string, Point>();
  for (const id of bench.selected) {
    const at = places.get(id);
    if (at) moves.set(id, { x: at.x + dx * by, y: at.y + dy * by });
  }
  if (moves.size > 0) bench.move(moves, 'Move layers', `nudge ${[...moves.keys()].join()}`);
}

export function key(canvas: CanvasState, viewport: Viewport, event: KeyboardEvent): void {
  const { draft, bench } = canvas.app;
  if (typing(event.target) || bench.typing || bench.searching) return;
  if (event.ctrlKey || event.metaKey) return;
  const stop = (): void => {
    event.preventDefault();
    event.stopPropagation();
  };
  const inButton = event.target instanceof HTMLButtonElement;
  if (event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End') {
    stop();
    if (event.altKey) nudge(canvas, event.key, event.shiftKey ? 40 : 8);
    else walk(canvas, viewport, event);
  } else if (event.altKey) {
    return;
  } else if (event.key === 'Delete' || event.key === 'Backspace') {
    stop();
    bench.remove();
  } else if (event.key === 'Escape') {
    bench.wire = null;
    draft.select([]);
  } else if ((event.key === 'Enter' || event.key === ' ') && !inButton) {
    stop();
    const node = (event.target as HTMLElement).closest<HTMLElement>('.svelte-flow__node')?.dataset['id'];
    const layers = node === undefined ? [] : bench.layersOf(node);
    if (layers.length > 0 && !layers.every((id) => draft.selection.includes(id))) draft.select(layers);
    else if (event.key === 'Enter') bench.inspect();
  } else if (/^[\p{L}\p{N}]$/u.test(event.key)) {
    // a letter begins a layer's name
    stop();
    bench.type(event.key);
  }
}

/** To the next card along the wires; with Shift what was selected stays so. */
function walk(canvas: CanvasState, viewport: Viewport, event: KeyboardEvent): void {
  const { draft, bench } = canvas.app;
  const last = draft.selection.at(-1);
  const at = last === undefined ? null : canvas.cardOf(last);
  const next = neighbour(canvas.view, canvas.layout?.nodes ?? new Map(), at, event.key);
  if (next === null) return;
  const layers = bench.layersOf(next);
  bench.wire = null;
  draft.select(event.shiftKey ? [...draft.selection.filter((id) => !layers.includes(id)), ...layers] : layers);
  void viewport.focus(layers[0] ?? next);
}
