/**
 * The host of the engine's workers on the GPU: Web Workers of one hidden window. Electron's own parts come from outside (window.ts),
 * so that all of this runs in tests.
 */
import type { MessagePortMain } from 'electron';
import type { EngineHost, EngineWorker, WorkerListener } from '../../node/engineWorker.ts';
import type { ControlCommand, ControlEvent } from '../channels.ts';

type Command = Parameters<EngineWorker['post']>[0];
type Event = Parameters<WorkerListener['hear']>[0];
/** As much of Electron's port as is used here. */
export type MainPort = Pick<MessagePortMain, 'postMessage' | 'on' | 'start' | 'close'>;

/** The hidden window, open or opening. */
export interface GpuWindow {
  /** Resolves once its page waits for ports; rejects when it cannot be loaded. */
  readonly ready: Promise<void>;
  send(ports: readonly [line: MainPort, control: MainPort]): void;
  destroy(): void;
}

export interface GpuHostOptions {
  /** Opens the window. `gone` is called when it is gone without having been destroyed. */
  readonly open: (gone: (reason: string) => void) => GpuWindow;
  readonly channel: () => { readonly port1: MainPort; readonly port2: MainPort };
  /** Milliseconds without a worker after which the window is destroyed. Default one minute. */
  readonly idle?: number;
  /** Milliseconds that the page may take to load. Default 30 seconds. */
  readonly patience?: number;
}

export interface GpuHost extends EngineHost {
  /** Destroys the window; workers in it die. */
  close(): void;
}

/** There is one window, from the first worker until some time after the last one. */
export function createGpuHost(options: GpuHostOptions): GpuHost {
  return new HiddenWindow({ idle: 60_000, patience: 30_000, ...options });
}

class HiddenWindow implements GpuHost {
  readonly #options: Required<GpuHostOptions>;
  readonly #workers = new Set<WindowWorker>();
  #window: GpuWindow | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: Required<GpuHostOptions>) {
    this.#options = options;
  }

  start(_name: string, listener: WorkerListener): EngineWorker {
    clearTimeout(this.#timer);
    const window = (this.#window ??= this.#open());
    const line = this.#options.channel();
    const control = this.#options.channel();
    const worker = new WindowWorker(line.port1, control.port1, listener, () => this.#left(worker));
    this.#workers.add(worker);
    // what is posted meanwhile waits in the channel
    void window.ready.then(
      () => {
        if (!worker.over) window.send([line.port2, control.port2]);
      },
      () => undefined,
    );
    return worker;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#drop('the app is closing');
  }

  #open(): GpuWindow {
    const lose = (reason: string): void => {
      if (this.#window === window) this.#drop(reason);
    };
    const window: GpuWindow = this.#options.open(lose);
    const limit = setTimeout(
      () => lose(`the window for the GPU did not load within ${this.#options.patience / 1000} seconds`),
      this.#options.patience,
    );
    limit.unref();
    window.ready
      .catch((error: unknown) => lose(error instanceof Error ? error.message : String(error)))
      .finally(() => clearTimeout(limit));
    return window;
  }

  #drop(reason: string): void {
    const window = this.#window;
    this.#window = undefined;
    window?.destroy();
    for (const worker of [...this.#workers]) worker.die(reason);
  }

  #left(worker: WindowWorker): void {
    this.#workers.delete(worker);
    if (this.#workers.size > 0 || this.#window === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drop('it was idle'), this.#options.idle);
    this.#timer.unref();
  }
}

class WindowWorker implements EngineWorker {
  readonly #line: MainPort;
  readonly #control: MainPort;
  readonly #listener: WorkerListener;
  readonly #left: () => void;
  over = false;

  constructor(line: MainPort, control: MainPort, listener: WorkerListener, left: () => void) {
    this.#line = line;
    this.#control = control;
    this.#listener = listener;
    this.#left = left;
    line.on('message', ({ data }) => {
      if (!this.over) listener.hear(data as Event);
    });
    control.on('message', ({ data }) => this.die((data as ControlEvent).message));
    // the other end is gone with its page; the worker's own end closes also when it is done
    control.on('close', () => this.die('the page it ran in is gone'));
    line.start();
    control.start();
  }

  post(command: Command): void {
    if (!this.over) this.#line.postMessage(unshared(command));
  }

  end(): Promise<void> {
    if (!this.over) {
      this.#control.postMessage({ kind: 'end' } satisfies ControlCommand);
      this.#leave();
    }
    return Promise.resolve();
  }

  /** A window keeps no process alive by itself: the app ends when it is told to. */
  hold(): void {}

  die(reason: string): void {
    if (this.over) return;
    this.#leave();
    this.#listener.died(reason);
  }

  #leave(): void {
    this.over = true;
    this.#line.close();
    this.#control.close();
    this.#left();
  }
}

/** The same with copies of what lies in shared memory, which no port takes to another process. Images, in short. */
export function unshared<T>(value: T): T {
  if (ArrayBuffer.isView(value)) {
    return value.buffer instanceof SharedArrayBuffer ? ((value as unknown as Uint8Array).slice() as T) : value;
  }
  if (Array.isArray(value)) return value.map(unshared) as T;
  if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unshared(each)])) as T;
}
