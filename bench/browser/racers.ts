/** Contestants in pages of one Chromium, each in a page of its own: same browser, same Dawn, same adapter. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright';
import sirv from 'sirv';
import { build } from 'vite';
import { isGpuWorthAsking } from '../../engine/host/vulkan.node.ts';
import { launchOptions } from '../../scripts/browser.ts';
import type { Reply, Request } from '../children/answer.ts';
import type { Racer } from '../contestant.ts';
import { isInstalled } from '../peers/installed.ts';
import type { PageRacer } from './page.ts';

type WithRacer = typeof globalThis & { readonly racer: PageRacer };

const software = '--use-webgpu-adapter=swiftshader';

/**
 * The browser's flags. SwiftShader where there is no driver, as in the tests; else the machine's own GPU. Developer features give
 * the GPU's clock without rounding to a tenth of a millisecond.
 */
function options(): { executablePath?: string; args: string[] } {
  const { args, ...rest } = launchOptions();
  const chosen = isGpuWorthAsking()
    ? [...args.filter((flag) => flag !== software), '--ignore-gpu-blocklist', '--enable-features=Vulkan']
    : args;
  return { ...rest, args: [...chosen, '--enable-webgpu-developer-features'] };
}

/** The page and what it imports, bundled into a folder of its own. */
async function bundle(): Promise<string> {
  const outDir = mkdtempSync(join(tmpdir(), 'ablate-bench-'));
  await build({
    configFile: false,
    root: import.meta.dirname,
    logLevel: 'error',
    build: {
      outDir,
      emptyOutDir: true,
      target: 'esnext',
      chunkSizeWarningLimit: 10_000,
      // TensorFlow.js registers flags, ops and kernels by loading files that its package calls free of effects
      rolldownOptions: { treeshake: { moduleSideEffects: true } },
    },
  });
  return outDir;
}

/** Why the browser cannot be used here, and what can; undefined where it can. */
export function missingForBrowser(): string | undefined {
  if (launchOptions().executablePath === undefined) return 'no Chromium was found (npm run browser)';
  const packages = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu', '@jax-js/jax'];
  const absent = packages.filter((name) => !isInstalled(name));
  return absent.length > 0 ? `${absent.join(', ')} are not installed (npm install)` : undefined;
}

export interface BrowserRace {
  readonly racers: readonly Racer[];
  readonly browser: string;
  close(): Promise<void>;
}

/** Bundles the page, serves it on 127.0.0.1 and starts the browser. `halves`: ours takes part in half precision too. */
export async function browserRace(halves: boolean): Promise<BrowserRace> {
  const folder = await bundle();
  const files = sirv(folder, { dev: true });
  const server = createServer((request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    files(request, response, () => void response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const browser = await chromium.launch(options());
  const manifest = new URL('../package.json', import.meta.resolve('@jax-js/jax'));
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const address = (query: string): string => `http://127.0.0.1:${port}/index.html?${query}`;
  return {
    racers: [
      new PageContestant('webgpu', browser, address('who=ablate')),
      ...(halves ? [new PageContestant('webgpu-f16', browser, address('who=ablate&storage=f16'))] : []),
      new PageContestant('tfjs-webgpu', browser, address('who=tfjs')),
      new PageContestant('jax-webgpu', browser, address(`who=jax&version=${version}`)),
    ],
    browser: `Chromium ${browser.version()}`,
    close: async () => {
      await browser.close();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

class PageContestant implements Racer {
  readonly program: { readonly name: string };
  note = '';
  readonly #browser: Browser;
  readonly #address: string;
  #page: Page | undefined;

  constructor(name: string, browser: Browser, address: string) {
    this.program = { name };
    this.#browser = browser;
    this.#address = address;
  }

  async ask<K extends Reply['kind']>(request: Request, kind: K, limitMs: number): Promise<Extract<Reply, { kind: K }>> {
    const page = this.#page ?? (await this.#start(Math.max(limitMs, 30_000)));
    const reply = await this.#within(
      limitMs,
      page.evaluate((given) => (globalThis as WithRacer).racer.ask(given), request),
    );
    if (reply.kind === kind) return reply as Extract<Reply, { kind: K }>;
    throw new Error(reply.kind === 'error' ? reply.message : `it answered "${reply.kind}"`);
  }

  async #start(limitMs: number): Promise<Page> {
    const page = await this.#browser.newPage();
    this.#page = page;
    await page.goto(this.#address);
    this.note = await this.#within(
      limitMs,
      page.evaluate(() => (globalThis as WithRacer).racer.hello),
    );
    return page;
  }

  async #within<T>(limitMs: number, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.kill();
        reject(new Error(`no step within ${(limitMs / 1000).toFixed(0)} s`));
      }, limitMs);
    });
    // a page that is closed meanwhile rejects, which is told already
    work.catch(() => undefined);
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  }

  kill(): void {
    void this.#page?.close().catch(() => undefined);
    this.#page = undefined;
  }
}
