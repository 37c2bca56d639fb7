import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { WorkerCommand, WorkerEvent } from '../../engine/index.ts';
import { keepCompiled } from '../compileCache.ts';
import type { EngineHost, EngineWorker, WorkerListener } from '../engineWorker.ts';
import { lastWords } from '../lastWords.ts';
import { SharedOut } from './shared.ts';

const program = new URL('./program.ts', import.meta.url);
/** Milliseconds that the end of a killed process is waited for. One that a driver holds in the kernel ends later, or never. */
const endMs = 2000;

/**
 * Workers in a process each, for what is computed on the GPU: a driver that crashes takes nothing with it, and one that hangs can be
 * ended. `entry`: engine/worker/gpuEntry.node.ts, or what a bundler made of it.
 */
export function processHost(entry: URL): EngineHost {
  if (entry.pathname.endsWith('.ts')) keepCompiled();
  return { start: (_name, listener) => new ProcessWorker(entry, listener) };
}

class ProcessWorker implements EngineWorker {
  readonly #child: ChildProcess;
  readonly #listener: WorkerListener;
  readonly #shared: SharedOut;
  readonly #said = lastWords();
  #over = false;

  constructor(entry: URL, listener: WorkerListener) {
    this.#listener = listener;
    // shared memory goes through stdin (shared.ts). What the engine and drivers write is for people, and stdout is for results
    this.#child = fork(program, [entry.href], {
      serialization: 'advanced',
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      // out of the terminal's group: Ctrl+C is for the lab, which may want a checkpoint first. Windows would open a console for it
      detached: process.platform !== 'win32',
      // flags of this process, a debugger's port for one, are not for that one
      execArgv: ['--disable-warning=ExperimentalWarning'],
      windowsHide: true,
    });
    const { stdin, stdout, stderr } = this.#child;
    this.#shared = new SharedOut((bytes) => void stdin?.write(bytes));
    // a process that is gone is told by its end
    stdin?.on('error', () => undefined);
    for (const stream of [stdout, stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#said.hear(chunk);
        process.stderr.write(chunk);
      });
    }
    this.#child.on('message', (event) => {
      if (!this.#over) listener.hear(event as WorkerEvent);
    });
    this.#child.on('error', ({ message }) => {
      if (this.#child.pid === undefined) this.#die(`its process could not be started: ${message}`);
    });
    // not 'exit': by then everything that it has sent and written has been heard
    this.#child.on('close', (code, signal) => this.#die(this.#said.after(endOf(code, signal))));
  }

  post(command: WorkerCommand): void {
    if (this.#over) return;
    const { message, unsent } = this.#shared.pack(command);
    this.#child.send(message, () => undefined);
    unsent();
  }

  async end(): Promise<void> {
    this.#over = true;
    const { exitCode, signalCode, pid } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    await new Promise<void>((resolve) => {
      const limit = setTimeout(() => {
        this.hold(false);
        resolve();
      }, endMs);
      this.#child.once('exit', () => {
        clearTimeout(limit);
        resolve();
      });
      // it need not be asked: nothing of it is wanted any more, and no other process is hurt
      this.#child.kill('SIGKILL');
    });
  }

  hold(on: boolean): void {
    const { channel, stdin, stdout, stderr } = this.#child;
    // pipes of a child are sockets
    for (const each of [this.#child, channel, stdin as Socket, stdout as Socket, stderr as Socket]) {
      if (on) each?.ref();
      else each?.unref();
    }
  }

  #die(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.died(reason);
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `its process was ended by ${signal}`;
  // Windows tells a crash by a status, which is looked up in hexadecimal
  const status = code !== null && code > 0xff ? ` (0x${code.toString(16)})` : '';
  return `its process ended with exit code ${code}${status}`;
}
