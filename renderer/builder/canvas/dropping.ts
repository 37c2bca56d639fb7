/** What is dragged from the palette: behind a card, into a wire, or into empty space. */
import type { useSvelteFlow } from '@xyflow/svelte';
import { isSame } from '../../state/patch.ts';
import { cardWidth } from '../flow.ts';
import type { CanvasState } from './canvasState.svelte.ts';
import type { DropTarget } from './drawn.ts';

/** Wires are thin: a little beside them counts. */
const near = [
  [0, 0],
  [0, -10],
  [0, 10],
  [-10, 0],
  [10, 0],
] as const;

function under(root: HTMLElement | undefined, x: number, y: number): DropTarget | null {
  for (const [dx, dy] of near) {
    for (const element of document.elementsFromPoint(x + dx, y + dy)) {
      if (!root?.contains(element)) continue;
      const node = element.closest<HTMLElement>('.svelte-flow__node')?.dataset['id'];
      if (node !== undefined && dx === 0 && dy === 0) return { node };
      const wire = element.closest<SVGElement>('.svelte-flow__edge')?.dataset['id'];
      if (wire !== undefined) return { wire };
    }
  }
  return null;
}

export function dragOver(canvas: CanvasState, event: DragEvent): void {
  if (canvas.app.bench.dragged === null) return;
  event.preventDefault();
  event.stopPropagation();
  const next = under(canvas.root, event.clientX, event.clientY);
  if (!isSame(next, canvas.over)) canvas.over = next;
}

export function drop(canvas: CanvasState, flow: ReturnType<typeof useSvelteFlow>, event: DragEvent): void {
  const { bench } = canvas.app;
  const { dragged } = bench;
  if (dragged === null) return;
  event.preventDefault();
  event.stopPropagation();
  const target = canvas.over ?? under(canvas.root, event.clientX, event.clientY);
  canvas.over = null;
  bench.dragged = null;
  const wire = target?.wire === undefined ? null : canvas.wireOf(target.wire);
  if (wire) bench.put(dragged, { wire });
  else if (target?.node !== undefined) bench.put(dragged, { after: bench.layersOf(target.node).slice(-1) });
  else {
    const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    bench.put(dragged, 'loose', { x: at.x - cardWidth / 2, y: at.y - 35 });
  }
}
