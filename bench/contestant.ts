import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Reply, Request } from './children/answer.ts';

/** A program that takes part: how it is started. It speaks the protocol of children/answer.ts. */
export interface Program {
  /** As results name it: "cpu-2t", "torch-2t", "tfjs-wasm". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Somebody who takes part, wherever it runs. */
export interface Racer {
  readonly program: Pick<Program, 'name'>;
  /** Versions, as it says them itself. */
  readonly note: string;
  /** Sends a request and waits for the answer; it is started when needed. Throws with its reason. */
  ask<K extends Reply['kind']>(request: Request, kind: K, limitMs: number): Promise<Extract<Reply, { kind: K }>>;
  kill(): void;
}

/** A contestant in a process of its own, so that its threads, its memory and its flags touch nobody else's. */
export class Contestant implements Racer {
  readonly program: Program;
  /** Versions, as the child says them. */
  note = '';
  #child: ChildProcess | undefined;
  #waiting: ((reply: Reply) => void) | undefined;
  #lastWords = '';

  constructor(program: Program) {
    this.program = program;
  }

  async #start(limitMs: number): Promise<void> {
    const { command, args, env } = this.program;
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.#child = child;
    this.#lastWords = '';
    child.stderr.on('data', (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString()).slice(-2000);
    });
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.#tell({ kind: 'error', message: error.message }));
    child.on('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      const last = this.#lastWords.trim().split('\n').at(-1);
      this.#tell({ kind: 'error', message: `its process ended (${signal ?? code})${last ? `: ${last}` : ''}` });
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      // libraries print things of their own
      if (line.startsWith('{')) this.#tell(JSON.parse(line) as Reply);
    });
    const reply = await this.#reply(limitMs);
    if (reply.kind === 'hello') this.note = reply.note;
    else throw new Error(reply.kind === 'error' ? reply.message : 'it does not speak the protocol');
  }

  #tell(reply: Reply): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(reply);
  }

  async #reply(limitMs: number): Promise<Reply> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        this.kill();
        resolve({ kind: 'error', message: `no step within ${(limitMs / 1000).toFixed(0)} s` });
      }, limitMs);
      this.#waiting = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
    });
  }

  /** Sends a request and waits for the answer; the child is started when needed. Throws with the child's reason. */
  async ask<K extends Reply['kind']>(request: Request, kind: K, limitMs: number): Promise<Extract<Reply, { kind: K }>> {
    if (!this.#child) await this.#start(Math.max(limitMs, 30_000));
    const answer = this.#reply(limitMs);
    this.#child?.stdin?.write(JSON.stringify(request) + '\n');
    const reply = await answer;
    if (reply.kind === kind) return reply as Extract<Reply, { kind: K }>;
    throw new Error(reply.kind === 'error' ? reply.message : `it answered "${reply.kind}"`);
  }

  kill(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.removeAllListeners('exit');
    child?.kill('SIGKILL');
  }
}
