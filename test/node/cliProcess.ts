import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../../', import.meta.url));
const entry = fileURLToPath(new URL('../../node/cli/entry.ts', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** What it has written to stderr and stdout so far. */
  text(): string;
}

/** The terminal shell as a process of its own, with a home folder of its own. */
export class Shell {
  readonly folder = mkdtempSync(join(tmpdir(), 'ablate-cli-'));
  readonly home: string;
  readonly #children = new Set<ChildProcess>();

  constructor(home?: string) {
    this.home = home ?? join(this.folder, 'home');
  }

  start(
    words: readonly string[],
    options: {
      readonly input?: string;
      readonly env?: NodeJS.ProcessEnv;
      readonly preload?: URL;
      /** A group of processes of its own, as a terminal makes one for each command. Default false. */
      readonly ownGroup?: boolean;
    } = {},
  ): Started {
    const preload = options.preload === undefined ? [] : ['--import', options.preload.href];
    const child = spawn(process.execPath, [...preload, entry, ...words], {
      cwd: project,
      env: { PATH: process.env['PATH'], HOME: this.folder, ABLATE_HOME: this.home, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: options.ownGroup ?? false,
    });
    this.#children.add(child);
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    const finished = new Promise<Finished>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        this.#children.delete(child);
        resolve({ code, signal, out, err });
      });
    });
    return { child, finished, text: () => err + out };
  }

  run(...words: string[]): Promise<Finished> {
    return this.start(words).finished;
  }

  /** Runs a command with --json and answers what it printed. Throws its stderr when it failed. */
  async json<T>(...words: string[]): Promise<T> {
    const { code, out, err } = await this.run(...words, '--json');
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }

  /** Writes a file into the test's folder and answers its path. */
  file(name: string, content: unknown): string {
    const path = join(this.folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A spec that trains in well under a second: one small hidden layer on 600 images. */
export const tinySpec = {
  ablate: 1,
  name: 'tiny',
  data: { dataset: 'mnist', validation: 200, trainImages: 600 },
  model: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'flatten', layer: 'flatten' },
      { id: 'dense1', layer: 'dense', props: { units: 16 } },
      { id: 'relu1', layer: 'relu' },
      { id: 'classes', layer: 'dense', props: { units: 10 } },
    ],
  },
  training: {
    batchSize: 60,
    length: { steps: 40 },
    optimizer: { kind: 'sgd', learningRate: 0.1 },
    evaluateEvery: { steps: 10 },
  },
};
