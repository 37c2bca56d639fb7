/** Wires that are pulled from dot to dot, into empty space, or off their end. */
import type { Connection, Edge, OnConnectEnd } from '@xyflow/svelte';
import { connectReason } from '../edit.ts';
import { fitting, type Spot } from '../fragment.ts';
import type { CanvasState } from './canvasState.svelte.ts';

export class Wiring {
  readonly #canvas: CanvasState;
  #reconnecting = false;
  #reconnected = false;

  constructor(canvas: CanvasState) {
    this.#canvas = canvas;
  }

  #reason(from: string, to: string): string | null {
    return connectReason(this.#canvas.app.draft.spec?.model.nodes ?? [], from, to);
  }

  readonly isValid = (wire: { source: string; target: string }): boolean =>
    this.#reason(wire.source, wire.target) === null;

  /** The draft draws it, not the canvas. */
  readonly connect = ({ source, target }: Connection): false => {
    this.#canvas.app.bench.connect(source, target);
    return false;
  };

  /** In empty space the box for typing opens; on a dot that cannot take it, the reason is said. */
  readonly end: OnConnectEnd = (event, state) => {
    if (this.#reconnecting || state.isValid === true || !state.fromNode) return;
    const from = state.fromNode.id;
    const isSource = state.fromHandle?.type === 'source';
    if (state.toNode) {
      const [a, b] = isSource ? [from, state.toNode.id] : [state.toNode.id, from];
      const reason = this.#reason(a, b);
      if (reason !== null && a !== b) this.#canvas.app.notices.complain(new Error(reason));
      return;
    }
    const at = 'changedTouches' in event ? event.changedTouches[0]! : event;
    this.#openTyping({ x: at.clientX, y: at.clientY }, isSource ? { from } : { before: from }, isSource ? from : null);
  };

  #openTyping(at: { x: number; y: number }, spot: Spot, from: string | null): void {
    const { app, root } = this.#canvas;
    const shape = app.draft.inspection?.nodes.find((node) => node.id === from)?.outputShape ?? null;
    const bounds = root!.getBoundingClientRect();
    app.bench.typing = {
      at: { x: at.x - bounds.left, y: at.y - bounds.top },
      text: '',
      spot,
      fits: from === null ? null : fitting(shape),
    };
  }

  readonly reconnectStart = (): void => {
    this.#reconnecting = true;
    this.#reconnected = false;
  };

  readonly reconnect = (next: Pick<Connection, 'source' | 'target'>, old: Edge): false => {
    this.#reconnected = true;
    const wire = this.#canvas.wireOf(old.id);
    if (wire) this.#canvas.app.bench.reconnect(wire, [next.source, next.target]);
    return false;
  };

  /** An end that is let go in empty space takes the wire out. */
  readonly reconnectEnd = (edge: Edge, onNode: boolean): void => {
    this.#reconnecting = false;
    const wire = this.#canvas.wireOf(edge.id);
    if (!this.#reconnected && wire && !onNode) this.#canvas.app.bench.disconnect(wire);
  };
}
